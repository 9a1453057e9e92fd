/** What a policy version looks like in requests and answers. The document's own rules are core/policy's. */
import { z } from '@hono/zod-openapi';
import { GUARD_SIGNALS, type GuardSignal } from '../../../durable-objects/core/guards/signals.ts';
import { parseShare } from '../../../durable-objects/core/policy/canary.ts';
import type { KnownModels } from '../../../durable-objects/core/policy/retirement.ts';
import type { PolicyProblem } from '../../../durable-objects/core/policy/types.ts';
import { ok } from '../../../durable-objects/core/result.ts';
import { currentWarnings } from '../../policy/known-models.ts';
import { staleWhy } from '../../policy/staleness.ts';
import { documentOf } from '../../policy/templates.ts';
import { type PolicyFacts, viewOfPolicyVersion } from '../../store/policy-versions.ts';
import { POLICY_STATES } from '../../store/tables.ts';
import { ownerParams } from './contract.ts';
import { futureInstant, reason, timezone } from './fields.ts';

const SHARE_ERROR =
  'expected a share of sessions over 0 and under 1 as a decimal string of at most six decimals, such as "0.10"';

export const versionParams = ownerParams.extend({
  version: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'expected the number of a version')
    .transform(Number)
    .openapi({ type: 'integer', example: 1 }),
});

/** A document, or a template to make one from. */
export const newPolicy = z
  .strictObject({
    policy: z.record(z.string(), z.unknown()).optional().openapi({ description: 'The policy document.' }),
    template: z.string().optional().openapi({
      description: 'In its place, the id of one of /policy_templates.',
      example: 'three-stage',
    }),
    timezone: timezone
      .optional()
      .openapi({ description: 'Of the template’s policy; the cost center’s where absent.' }),
    limits: z
      .record(z.string(), z.string('expected US dollars as a decimal string such as "500.00"'))
      .optional()
      .openapi({ description: 'USD in place of the template’s, by the ids of its budgets.' }),
  })
  .superRefine(({ policy, template, timezone: zone, limits }, context) => {
    const wrong = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (policy && template !== undefined) wrong('template', 'expected a policy or a template, not both');
    if (!policy && template === undefined) wrong('policy', 'expected a policy, or a template in its place');
    if (template !== undefined) return;
    const message = 'is for a template alone: a policy document says it itself';
    if (zone !== undefined) wrong('timezone', message);
    if (limits) wrong('limits', message);
  })
  .openapi('NewPolicy');

type NewPolicy = z.output<typeof newPolicy>;

/** The document that was given, or that of the template; else what is wrong with the choice. */
export function givenDocument({ policy, template, timezone: zone, limits }: NewPolicy) {
  if (template === undefined) return ok<unknown>(policy);
  return documentOf({ template, timezone: zone, limits });
}

const problem = z.object({ path: z.string(), message: z.string() });

export const policyVersionView = z
  .object({
    version: z.number().int(),
    state: z.enum(POLICY_STATES),
    warnings: z.array(problem).openapi({
      description:
        'What is allowed but doubtful. About the end of a model: as of now, not of when it was stored. Where one version is read, also who hears of its stages as of now, at paths that begin with alert_routes.',
    }),
    policy: z.unknown(),
    created_at: z.string(),
    activated_at: z.string().nullable(),
    author: z.string().nullable().openapi({ description: 'Who wrote the document last.' }),
    note: z.string().nullable(),
    base_version: z.number().int().nullable().openapi({
      description: 'What was live when it was submitted: what an approval is meant against.',
    }),
    submitted_at: z.string().nullable(),
    submitted_by: z.string().nullable(),
    approved_at: z.string().nullable(),
    approved_by: z.string().nullable(),
    approval_note: z.string().nullable(),
    dry_run: z.string().nullable().openapi({ description: 'The dry run that the approval rests on.' }),
    rejected_at: z.string().nullable(),
    rejected_by: z.string().nullable(),
    rejection_reason: z.string().nullable(),
    activate_at: z.string().nullable().openapi({
      description: 'When a scheduled version goes live, by the wallet’s clock.',
    }),
    stale: z.boolean().openapi({
      description: 'Whether its submission or approval no longer is about what would happen.',
    }),
    stale_why: z.string().nullable(),
    signature: z
      .object({ algorithm: z.literal('Ed25519'), key: z.number().int(), signed_at: z.string() })
      .nullable(),
  })
  .openapi('PolicyVersion');

/** A version as the API shows it, with what is known today of its models, and `further` doubts, among the warnings. */
export function toPolicyVersionView(
  facts: PolicyFacts,
  known: KnownModels,
  further: readonly PolicyProblem[] = [],
) {
  const stale_why = staleWhy(facts);
  return {
    ...viewOfPolicyVersion(facts.row),
    warnings: [...currentWarnings(facts.row, known), ...further],
    stale: stale_why !== null,
    stale_why,
  };
}

const note = z.string().trim().min(1).max(2_000, 'expected at most 2000 characters').optional();

/** What each step takes. Bodies may be left out where every field may. */
export const submission = z.strictObject({ note }).openapi('PolicySubmission');
export const approval = z
  .strictObject({
    note,
    dry_run: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .openapi({ description: 'The id of a dry run of this version.' }),
  })
  .openapi('PolicyApproval');
export const rejection = z.strictObject({ reason }).openapi('PolicyRejection');

const share = z
  .string(SHARE_ERROR)
  .transform((text, context) => {
    const millionths = parseShare(text);
    if (millionths !== null) return millionths;
    context.addIssue({ code: 'custom', message: SHARE_ERROR });
    return z.NEVER;
  })
  .openapi({ type: 'string', example: '0.10' });

const guards = z
  .strictObject(
    Object.fromEntries(GUARD_SIGNALS.map((signal) => [signal, z.boolean().optional()])) as Record<
      GuardSignal,
      z.ZodOptional<z.ZodBoolean>
    >,
  )
  .openapi({ description: 'Signals not to be watched; all are unless they are false here.' });

export const activation = z
  .strictObject({
    activate_at: futureInstant.optional().openapi({ example: '2026-11-30T08:00:00Z' }),
    canary: z
      .strictObject({ share })
      .optional()
      .openapi({ description: 'For a share of sessions, beside the live version.' }),
    guards: guards.optional(),
  })
  .refine(({ activate_at, canary }) => activate_at === undefined || canary === undefined, {
    path: ['canary'],
    message: 'expected a canary or "activate_at", not both: a canary begins at once',
  })
  .openapi('PolicyActivation');
export const rollback = z.strictObject({ reason: reason.optional() }).openapi('PolicyRollback');
