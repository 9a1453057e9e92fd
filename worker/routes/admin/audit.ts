/** `/audit`: who changed what, from what to what, newest first; recomputed, and as a file for an offline verifier. */
import { createRoute, z } from '@hono/zod-openapi';
import { auditFile } from '../../finance/audit-export.ts';
import { BEGINNING, type Progress, verifyAudit } from '../../finance/audit-verification.ts';
import { listAuditEvents, viewOfAuditEvent } from '../../store/audit.ts';
import { readHead } from '../../store/audit-chain.ts';
import { countUnchained } from '../../store/audit-pages.ts';
import { fileAnswer } from './audit-file-answer.ts';
import { adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { endsAfterItBegins, moment, SPAN_ERROR } from './fields.ts';
import { cursorFor, pageOf, pageQuery, positionOf, WRONG_CURSOR } from './paging.ts';

const auditView = z
  .object({
    sequence: z.number().int(),
    occurred_at: z.string(),
    actor: z.string(),
    action: z.string().openapi({ example: 'key.revoke' }),
    cost_center: z.string().nullable(),
    target: z.string(),
    before: z.unknown(),
    after: z.unknown(),
    request_id: z.string(),
    hash: z
      .string()
      .nullable()
      .openapi({ description: 'Null until an event from before the chain is chained.' }),
    previous_hash: z.string().nullable(),
  })
  .openapi('AuditEvent');

const filterQuery = z
  .strictObject({
    cost_center: z.string().optional(),
    from: moment.optional(),
    to: moment.optional(),
    ...pageQuery,
  })
  .refine(endsAfterItBegins, SPAN_ERROR);

export const audit = adminRouter();

audit.openapi(
  createRoute({
    method: 'get',
    path: '/audit',
    request: { query: filterQuery },
    responses: { ...ERRORS, 200: answer(pageOfSchema(auditView), 'Newest first.') },
  }),
  async (c) => {
    const query = c.req.valid('query');
    const filter = { costCenter: query.cost_center ?? null, from: query.from ?? null, to: query.to ?? null };
    const page = await pageOf(
      { list: 'audit', ...filter },
      query,
      ({ after, limit }) =>
        listAuditEvents(databaseOf(c), filter, { after: after === null ? null : Number(after), limit }),
      (event) => String(event.sequence),
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    return c.json({ ...page, data: page.data.map(viewOfAuditEvent) }, 200);
  },
);

const DEFAULT_LIMIT = 20_000;
const LIMIT_ERROR = 'expected a whole number from 1 to 100000';
const VERIFICATION = { list: 'audit/verify' };

const verifyQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,6}$/, LIMIT_ERROR)
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 100_000, LIMIT_ERROR)
    .optional()
    .openapi({ description: `Events and entries to look at in this call; ${DEFAULT_LIMIT} where absent.` }),
  cursor: z.string().max(2_000).optional().openapi({ description: '`next_cursor` of the call before.' }),
});

const count = z.number().int();
const verificationView = z
  .object({
    ok: z
      .boolean()
      .openapi({ description: 'Nothing is wrong with what was looked at, in all calls so far.' }),
    complete: z.boolean().openapi({ description: 'False: go on with `next_cursor`.' }),
    next_cursor: z.string().nullable(),
    events: count.openapi({ description: 'Of D1’s chain, recomputed in all calls so far.' }),
    head: z.object({ sequence: count, hash: z.string() }),
    unchained: count.openapi({ description: 'Events from before the chain that are still to be chained.' }),
    wallets: z.object({ events: count }),
    anchors: z.object({
      events: count,
      ledger_days: count,
      archived_days: count.openapi({ description: 'Anchored days whose entries are not in D1.' }),
    }),
    problems: z.array(z.object({ where: z.string(), sequence: count.nullable(), what: z.string() })).openapi({
      description: 'Found in this call, at most 100.',
    }),
    problems_so_far: count,
  })
  .openapi('AuditVerification');

const whole = z.number().int().nonnegative();
const progressSchema: z.ZodType<Progress> = z.object({
  part: z.enum(['events', 'wallets', 'ledger', 'done']),
  event: whole,
  wallet: z.object({ cost_center: z.string(), sequence: whole, hash: z.string() }),
  ledger: z.object({ anchor: whole, day: whole }),
  counts: z.object({
    events: whole,
    anchors: whole,
    walletEvents: whole,
    ledgerDays: whole,
    archivedDays: whole,
  }),
  problems: whole,
});

/** Where a call goes on; null where its cursor is none. Its digest is no secret, so what it holds is checked too. */
async function progressIn(cursor: string | undefined): Promise<Progress | null> {
  if (cursor === undefined) return BEGINNING;
  const position = await positionOf(VERIFICATION, cursor);
  if (position === null) return null;
  const read = progressSchema.safeParse(parseJson(position));
  return read.success ? read.data : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

audit.openapi(
  createRoute({
    method: 'get',
    path: '/audit/verify',
    request: { query: verifyQuery },
    responses: { ...ERRORS, 200: answer(verificationView, 'How far it came, and what is wrong.') },
  }),
  async (c) => {
    const { limit = DEFAULT_LIMIT, cursor } = c.req.valid('query');
    const before = await progressIn(cursor);
    if (!before) return fail(c.get('requestId'), WRONG_CURSOR);
    const bindings = c.get('bindings');
    const { progress, problems } = await verifyAudit(bindings, before, limit, Date.now());
    const { counts } = progress;
    const { head } = await readHead(databaseOf(c));
    const isComplete = progress.part === 'done';
    const view = {
      ok: progress.problems === 0,
      complete: isComplete,
      next_cursor: isComplete ? null : await cursorFor(VERIFICATION, JSON.stringify(progress)),
      events: counts.events,
      head,
      unchained: await countUnchained(bindings.db),
      wallets: { events: counts.walletEvents },
      anchors: {
        events: counts.anchors,
        ledger_days: counts.ledgerDays,
        archived_days: counts.archivedDays,
      },
      problems,
      problems_so_far: progress.problems,
    };
    return c.json(view, 200);
  },
);

const exportQuery = z
  .strictObject({ from: moment.optional(), to: moment.optional() })
  .refine(endsAfterItBegins, SPAN_ERROR);

audit.openapi(
  createRoute({
    method: 'get',
    path: '/audit/export',
    request: { query: exportQuery },
    responses: {
      ...ERRORS,
      200: { description: 'A JSON object a line, chained; the last one is the signed manifest.' },
    },
  }),
  async (c) => {
    const { from, to } = c.req.valid('query');
    const span = { from: from ?? null, to: to ?? null };
    return await fileAnswer(auditFile(c.get('bindings'), span, new Date().toISOString()), 'audit');
  },
);
