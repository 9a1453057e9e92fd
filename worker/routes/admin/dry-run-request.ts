/** What is asked of a dry run: drafts, one to three, and the days they are tried on. */
import { z } from '@hono/zod-openapi';
import type { Asked, AskedPolicy } from '../../policy/dry-runs.ts';
import { moment } from './fields.ts';

const MAX_DAYS = 366;
const DEFAULT_DAYS = 30;
const MAX_DRAFTS = 3;

const VERSION_ERROR = 'expected the number of a policy version';
const version = z.number(VERSION_ERROR).int(VERSION_ERROR).positive(VERSION_ERROR);
const policy = z
  .record(z.string(), z.unknown(), 'expected a policy document')
  .openapi({ description: 'A policy document.' });
const DAYS_ERROR = `expected a whole number of days from 1 to ${MAX_DAYS}`;

type Context = { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void };

/** Exactly one of the two says what is tried. */
function oneOf(draft: { version?: unknown; policy?: unknown }, context: Context): void {
  if ((draft.version === undefined) !== (draft.policy === undefined)) return;
  const isBoth = draft.version !== undefined;
  const message = isBoth ? 'expected "version" or "policy", and not both' : 'expected "version" or "policy"';
  context.addIssue({ code: 'custom', path: [isBoth ? 'policy' : 'version'], message });
}

const draft = z
  .strictObject({
    version: version.optional(),
    policy: policy.optional(),
    name: z.string().trim().min(1).max(100).optional(),
  })
  .superRefine(oneOf);

export const newDryRun = z
  .strictObject({
    version: version.optional(),
    policy: policy.optional(),
    drafts: z
      .array(draft)
      .min(1, 'expected one draft at least')
      .max(MAX_DRAFTS, `expected at most ${MAX_DRAFTS} drafts`)
      .optional()
      .openapi({ description: 'Up to three side by side, in place of `version` or `policy`.' }),
    days: z
      .number(DAYS_ERROR)
      .int(DAYS_ERROR)
      .min(1, DAYS_ERROR)
      .max(MAX_DAYS, DAYS_ERROR)
      .optional()
      .openapi({ description: `Up to now; ${DEFAULT_DAYS} where neither \`days\` nor \`from\` is given.` }),
    from: moment.optional(),
    to: moment.optional().openapi({ description: 'Excluded; not after now. Now where absent.' }),
    seed_standing: z.boolean().default(true).openapi({
      description: 'Whether budgets begin with what was spent in their windows before the span.',
    }),
  })
  .superRefine((asked, context) => {
    const issue = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (asked.drafts === undefined) oneOf(asked, context);
    else if (asked.version !== undefined || asked.policy !== undefined) {
      issue('drafts', 'expected "drafts", or one "version" or "policy", and not both');
    }
    if (asked.days !== undefined && (asked.from !== undefined || asked.to !== undefined)) {
      issue('days', 'expected "days", or "from" and "to", and not both');
    } else if (asked.to !== undefined && asked.from === undefined) {
      issue('from', 'expected the beginning of the span that "to" ends');
    }
  })
  .openapi('NewDryRun');

/** The request as it is planned. */
export function askedOf(body: z.output<typeof newDryRun>): Asked {
  const one = (path: string, each: z.output<typeof draft>): AskedPolicy => ({
    path,
    version: each.version ?? null,
    document: each.policy ?? null,
    name: each.name ?? null,
  });
  return {
    drafts: body.drafts?.map((each, index) => one(`drafts[${index}].`, each)) ?? [
      one('', { version: body.version, policy: body.policy }),
    ],
    span:
      body.from === undefined
        ? { days: body.days ?? DEFAULT_DAYS }
        : { from: body.from, to: body.to ?? null },
    seedStanding: body.seed_standing,
  };
}
