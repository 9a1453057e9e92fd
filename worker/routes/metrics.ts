/**
 * `GET /metrics`: the state of the gateway for Prometheus, to whoever may read metrics. What a scrape costs is bounded:
 * counters are a few rows a cost center read by primary key, gauges one call a wallet of at most a page of them,
 * and the estimate's error is measured over one day, once a minute and isolate.
 */

import { z } from '@hono/zod-openapi';
import type { Context, Hono } from 'hono';
import { withinTime } from '../../durable-objects/ledger/deadline.ts';
import type { WalletGauges, WalletRpc } from '../../durable-objects/wallet/rpc.ts';
import type { AppEnv } from '../app-env.ts';
import { type CostCenter, countCostCenters, listCostCenters } from '../store/cost-centers.ts';
import { type Database, isDatabaseAway, openDatabase } from '../store/database.ts';
import { measureEstimates, type NamedFigures } from '../store/estimate-metric.ts';
import { listLedgerTotals } from '../store/metric-totals.ts';
import { walletOf } from '../store/wallets.ts';
import { fail } from './admin/failures.ts';
import { refuseUnlessAllowed } from './admin/gate.ts';
import { problemsOf } from './admin/problems.ts';
import { type AskedWallet, estimateFamilies, ledgerFamilies, walletFamilies } from './metric-families.ts';
import { PROMETHEUS_CONTENT_TYPE, toPrometheusText } from './prometheus-text.ts';

/** A Worker may make 1,000 calls a request. */
const MAX_WALLETS = 500;
const WALLETS_AT_ONCE = 50;
/** A wallet that has not answered by then is counted as such; the scrape does not wait for it. */
const GAUGES_WITHIN_MS = 1_000;
const DAY_MS = 86_400_000;
const ESTIMATE_KEPT_MS = 60_000;

const querySchema = z.strictObject({
  after: z.string().max(63).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_WALLETS).default(MAX_WALLETS),
});

/** Measured last in this isolate, and of which database. */
let estimate: { database: D1Database; atMs: number; byKind: NamedFigures[] } | null = null;

async function estimateByKind(db: D1Database, database: Database, nowMs: number): Promise<NamedFigures[]> {
  if (estimate?.database === db && Math.abs(nowMs - estimate.atMs) < ESTIMATE_KEPT_MS) return estimate.byKind;
  const from = new Date(nowMs - DAY_MS).toISOString();
  const to = new Date(nowMs).toISOString();
  const { byKind } = await measureEstimates(database, { costCenter: null, from, to });
  estimate = { database: db, atMs: nowMs, byKind };
  return byKind;
}

/** One try: a scrape that comes too late is worth nothing, and the next one asks again. */
async function gaugesOf(wallet: WalletRpc): Promise<WalletGauges | null> {
  try {
    return await withinTime(wallet.gauges(), GAUGES_WITHIN_MS);
  } catch {
    return null;
  }
}

async function askWallets(
  bindings: AppEnv['Variables']['bindings'],
  owners: readonly CostCenter[],
): Promise<AskedWallet[]> {
  const asked: AskedWallet[] = [];
  for (let start = 0; start < owners.length; start += WALLETS_AT_ONCE) {
    const together = owners.slice(start, start + WALLETS_AT_ONCE).map(async ({ id, jurisdiction }) => ({
      costCenter: id,
      gauges: await gaugesOf(walletOf(bindings, id, jurisdiction)),
    }));
    asked.push(...(await Promise.all(together)));
  }
  return asked;
}

/** Counters and gauges of one page of cost centers, in order of id; the estimate's error is on the first page. */
async function metricsText(
  bindings: AppEnv['Variables']['bindings'],
  page: { after: string | null; limit: number },
): Promise<string> {
  const { db } = bindings;
  const database = openDatabase(db);
  const owners = await listCostCenters(database, page);
  const last = owners.length < page.limit ? null : (owners.at(-1)?.id ?? null);
  const [totals, asked, unasked, byKind] = await Promise.all([
    listLedgerTotals(database, { after: page.after, last }),
    askWallets(bindings, owners),
    last === null ? 0 : countCostCenters(database, last),
    page.after === null ? estimateByKind(db, database, Date.now()) : [],
  ]);
  return toPrometheusText([
    ...ledgerFamilies(totals),
    ...walletFamilies(asked, unasked),
    ...estimateFamilies(byKind),
  ]);
}

async function scrape(context: Context<AppEnv>): Promise<Response> {
  const { requestId, bindings } = context.var;
  const incoming = { request: context.req.raw, route: 'GET /metrics', bindings, requestId };
  try {
    const refused = await refuseUnlessAllowed(incoming, 'metrics.read');
    if (refused) return refused;
    const query = querySchema.safeParse(context.req.query());
    if (!query.success) return fail(requestId, { why: 'invalid', problems: problemsOf(query.error) });
    const { after = null, limit } = query.data;
    const text = await metricsText(bindings, { after, limit });
    return new Response(text, {
      headers: {
        'content-type': PROMETHEUS_CONTENT_TYPE,
        'cache-control': 'no-store',
        'request-id': requestId,
      },
    });
  } catch (error) {
    if (!isDatabaseAway(error)) throw error;
    console.error({ message: 'D1 did not answer', requestId, error: String(error) });
    return fail(requestId, { why: 'database_away' });
  }
}

export function mountMetrics(app: Hono<AppEnv>): void {
  app.get('/metrics', scrape);
}
