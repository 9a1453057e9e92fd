/**
 * Compares every wallet with the ledger, once a day, over the last 35 finished UTC days: every window a budget can
 * have is a sum of such days, but for the running one, which is compared tomorrow. A run takes a bounded number of
 * cost centers and notes how far it came; the next run goes on there.
 */
import type { Bindings } from '../bindings.ts';
import { type CostCenter, listCostCenters } from '../store/cost-centers.ts';
import { type Database, openDatabase } from '../store/database.ts';
import {
  type Comparison,
  openFindings,
  type Reconciliation,
  readProgress,
  saveProgress,
  subjectOf,
} from '../store/reconciliations.ts';
import { walletOf } from '../store/wallets.ts';
import {
  DAY_MS,
  dayOf,
  keepAndTell,
  type Pending,
  type RunOutcome,
  startOfDay,
} from './reconciliation-run.ts';
import {
  compareWallet,
  type DaySpan,
  resolved,
  toLedgerSpan,
  type WalletOutcome,
} from './wallet-comparison.ts';
import { NO_PROGRESS, type Progress, parseProgress } from './wallet-progress.ts';

/** A wallet keeps its spend for 40 days. */
export const WALLET_DAYS = 35;
/** A run may make 1,000 calls in all; a cost center takes three where it agrees. */
const COST_CENTERS_A_RUN = 200;
const AT_ONCE = 10;
/** A difference takes some more calls; beyond this many cost centers the rest is left to the next run. */
const DIFFERING_A_RUN = 5;
/** Cost centers that are named in the summary because they could not be compared. */
const SKIPPED_NAMED = 100;

type Access = Pick<Bindings, 'db' | 'wallets' | 'archive'>;

/** The last 35 finished days, or as many of them as have not begun to leave D1 for the archive. */
export function walletSpan(nowMs: number, archive: Access['archive']): DaySpan {
  const toMs = startOfDay(nowMs);
  // Today is one of the hot days.
  const days = archive ? Math.min(WALLET_DAYS, archive.hotDays - 1) : WALLET_DAYS;
  return { fromMs: toMs - days * DAY_MS, toMs };
}

/** What the clock runs: goes on where the last run of the day ended; does nothing once the day is done. */
export async function reconcileWalletsByTheClock(access: Access, nowMs: number): Promise<void> {
  const database = openDatabase(access.db);
  const span = walletSpan(nowMs, access.archive);
  const day = dayOf(span.toMs - DAY_MS);
  const before = parseProgress(await readProgress(database, 'wallets'), day);
  if (before.done) return;
  const { progress } = await advance(access, span, before, nowMs);
  await saveProgress(database, 'wallets', { ...progress, day }, new Date(nowMs).toISOString());
}

/** What is run on demand: from the first cost center on, over one day (epoch ms) or all 35. Rejects where D1 is away. */
export async function reconcileWallets(
  access: Access,
  day: number | null,
  nowMs: number,
): Promise<RunOutcome> {
  const all = walletSpan(nowMs, access.archive);
  if (day !== null && day < all.fromMs) {
    const why = `entries of this day may have left D1, or the wallet's memory: days from ${dayOf(all.fromMs)} on are compared`;
    return { records: [], pending: [{ kind: 'wallets', day: dayOf(day), why }] };
  }
  const span = day === null ? all : { fromMs: day, toMs: day + DAY_MS };
  const { progress, records } = await advance(access, span, NO_PROGRESS, nowMs);
  const lastDay = dayOf(span.toMs - DAY_MS);
  const pending: Pending[] = progress.skipped.map((id) => ({
    kind: 'wallets',
    day: lastDay,
    why: `the wallet of ${id} did not answer, or moved while it was compared`,
  }));
  if (!progress.done) {
    const why = `cost centers after ${progress.after} are left to the scheduled runs`;
    pending.push({ kind: 'wallets', day: lastDay, why });
  }
  return { records, pending };
}

/** Takes the next cost centers; the summary is kept when there are none left. */
async function advance(
  { db, wallets }: Access,
  span: DaySpan,
  before: Progress,
  nowMs: number,
): Promise<{ progress: Progress; records: Reconciliation[] }> {
  const database = openDatabase(db);
  const records: Reconciliation[] = [];
  let progress = before;
  for (let taken = 0; taken < COST_CENTERS_A_RUN; taken += AT_ONCE) {
    const page = await listCostCenters(database, { after: progress.after, limit: AT_ONCE });
    const outcomes = await Promise.all(
      page.map((each) => compareOne({ wallets }, database, each, span, nowMs)),
    );
    const comparisons = await withResolved(database, page, outcomes, span);
    records.push(...(await keepAndTell(db, comparisons, nowMs)));
    progress = outcomes.reduce((sum, outcome, at) => added(sum, page[at]?.id ?? '', outcome), progress);
    if (page.length < AT_ONCE) {
      const summary = await keepAndTell(db, [summaryOf(progress, span)], nowMs);
      return { progress: { ...progress, done: true }, records: [...records, ...summary] };
    }
    if (progress.differing - before.differing >= DIFFERING_A_RUN) break;
  }
  return { progress, records };
}

async function compareOne(
  bindings: Pick<Bindings, 'wallets'>,
  database: Database,
  { id, jurisdiction }: CostCenter,
  span: DaySpan,
  nowMs: number,
): Promise<WalletOutcome> {
  return await compareWallet(database, walletOf(bindings, id, jurisdiction), id, span, nowMs);
}

/** The findings, and an `agrees` for each earlier one of these cost centers that no longer holds. */
async function withResolved(
  database: Database,
  page: readonly CostCenter[],
  outcomes: readonly WalletOutcome[],
  span: DaySpan,
): Promise<Comparison[]> {
  const findings = outcomes.flatMap((outcome) => (outcome.status === 'compared' ? outcome.findings : []));
  const found = new Set(findings.map(subjectOf));
  const ids = page.map(({ id }) => id);
  const earlier = await openFindings(database, ids, toLedgerSpan(span));
  for (const finding of earlier) {
    const outcome = outcomes[ids.indexOf(finding.costCenter ?? '')];
    if (outcome?.status !== 'compared' || found.has(subjectOf(finding))) continue;
    // Whatever is not drained was not compared.
    if (outcome.findings.some(({ result }) => result === 'undrained')) continue;
    findings.push(resolved(finding, outcome.days));
  }
  return findings;
}

function added(progress: Progress, costCenter: string, outcome: WalletOutcome): Progress {
  const after = costCenter;
  if (outcome.status !== 'compared') {
    const skipped = [...progress.skipped, costCenter].slice(0, SKIPPED_NAMED);
    return { ...progress, after, skipped, skippedCount: progress.skippedCount + 1 };
  }
  return {
    ...progress,
    after,
    compared: progress.compared + 1,
    differing: progress.differing + (outcome.findings.length > 0 ? 1 : 0),
    ledgerNanoUsd: String(BigInt(progress.ledgerNanoUsd) + outcome.ledgerNanoUsd),
    walletNanoUsd: String(BigInt(progress.walletNanoUsd) + outcome.walletNanoUsd),
  };
}

function summaryOf(progress: Progress, span: DaySpan): Comparison {
  const { from, to } = toLedgerSpan(span);
  return {
    kind: 'wallets',
    level: 'summary',
    result: progress.differing > 0 ? 'differs' : 'agrees',
    windowStart: from,
    windowEnd: to,
    costCenter: null,
    developer: null,
    apiKeyId: null,
    model: null,
    ledgerNanoUsd: BigInt(progress.ledgerNanoUsd),
    counterpartNanoUsd: BigInt(progress.walletNanoUsd),
    evidence: {
      compared: progress.compared,
      differing: progress.differing,
      not_compared: progress.skippedCount,
      not_compared_cost_centers: progress.skipped,
    },
  };
}
