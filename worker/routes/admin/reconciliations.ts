/** `/reconciliations`: what came of comparing the ledger with Anthropic's report and with the wallets. */
import { createRoute, type z } from '@hono/zod-openapi';
import { handOverEvents } from '../../finance/hand-over-events.ts';
import { reconcileUpstream } from '../../finance/reconcile-upstream.ts';
import { reconcileWallets } from '../../finance/reconcile-wallets.ts';
import { bigToUsd, type RunOutcome } from '../../finance/reconciliation-run.ts';
import { listReconciliations, type Reconciliation } from '../../store/reconciliations.ts';
import { type AdminContext, adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS, optionalBody, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { pageOf, WRONG_CURSOR } from './paging.ts';
import {
  isWithinWallets,
  newRun,
  reconciliationQuery,
  reconciliationView,
  runView,
} from './reconciliation-contract.ts';

const NO_ADMIN_KEY =
  'there is no secret ANTHROPIC_ADMIN_KEY: without it Anthropic’s cost report cannot be asked';

function viewOf(record: Reconciliation): z.infer<typeof reconciliationView> {
  const inUsd = (nanoUsdText: string): string => bigToUsd(BigInt(nanoUsdText));
  return {
    id: record.id,
    kind: record.kind,
    level: record.level,
    result: record.result,
    recorded_at: record.recordedAt,
    window_start: record.windowStart,
    window_end: record.windowEnd,
    cost_center: record.costCenter,
    developer: record.developer,
    api_key_id: record.apiKeyId,
    model: record.model,
    ledger_usd: inUsd(record.ledgerNanoUsd),
    counterpart_usd: inUsd(record.counterpartNanoUsd),
    difference_usd: inUsd(record.differenceNanoUsd),
    evidence: record.evidence,
  };
}

/** Runs one or both kinds; a sentence where upstream cannot be run now. */
async function run(
  c: AdminContext,
  { kind, day }: z.output<typeof newRun>,
): Promise<RunOutcome | { conflict: string }> {
  const { db, wallets, archive, costReport } = c.get('bindings');
  const nowMs = Date.now();
  const dayMs = day === undefined ? null : Date.parse(day);
  const outcome: RunOutcome = { records: [], pending: [] };
  if (kind === 'upstream' && costReport === null) return { conflict: NO_ADMIN_KEY };
  if (kind !== 'wallets' && costReport !== null) {
    const upstream = await reconcileUpstream({ db, costReport }, dayMs, nowMs);
    if (upstream.status === 'too_soon') {
      const seconds = Math.ceil(upstream.waitMs / 1_000);
      return { conflict: `the report was asked less than a minute ago; try again in ${seconds} s` };
    }
    outcome.records.push(...upstream.records);
    outcome.pending.push(...upstream.pending);
  }
  if (kind !== 'upstream' && (day === undefined || isWithinWallets(day))) {
    const compared = await reconcileWallets({ db, wallets, archive }, dayMs, nowMs);
    outcome.records.push(...compared.records);
    outcome.pending.push(...compared.pending);
  }
  await handOverEvents(c.get('bindings'), nowMs);
  return outcome;
}

export const reconciliations = adminRouter();

reconciliations.openapi(
  createRoute({
    method: 'get',
    path: '/reconciliations',
    request: { query: reconciliationQuery },
    responses: { ...ERRORS, 200: answer(pageOfSchema(reconciliationView), 'Newest first.') },
  }),
  async (c) => {
    const query = c.req.valid('query');
    const filter = {
      kind: query.kind ?? null,
      costCenter: query.cost_center ?? null,
      from: query.from ?? null,
      to: query.to ?? null,
    };
    const page = await pageOf(
      { list: 'reconciliations', ...filter },
      query,
      (each) => listReconciliations(databaseOf(c), filter, each),
      (record) => record.id,
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    return c.json({ ...page, data: page.data.map(viewOf) }, 200);
  },
);

reconciliations.openapi(
  createRoute({
    method: 'post',
    path: '/reconciliations/run',
    request: { body: optionalBody(newRun) },
    responses: { ...ERRORS, 200: answer(runView, 'The records that now hold for what was compared.') },
  }),
  async (c) => {
    const outcome = await run(c, c.req.valid('json'));
    if ('conflict' in outcome) {
      return fail(c.get('requestId'), { why: 'conflict', message: outcome.conflict });
    }
    return c.json({ data: outcome.records.map(viewOf), pending: outcome.pending }, 200);
  },
);
