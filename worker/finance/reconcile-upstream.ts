/**
 * Compares finished UTC days with what Anthropic says it will bill, per API key and model (docs/reconciliation.md).
 *
 * A day is compared once its report is complete (`data_refreshed_at` past its end) and its late settlements have
 * had time to arrive; until then, and where the report cannot be read whole, it stays due and the next run tries
 * again. Its summary is kept last: what was interrupted is done again, and says nothing twice.
 */
import type { Bindings, CostReportBindings } from '../bindings.ts';
import { fingerprintKey } from '../providers/anthropic.ts';
import { type ReportedCost, readCosts } from '../providers/cost-report.ts';
import type { Report, ReportProblem } from '../providers/report-pages.ts';
import { type Database, openDatabase } from '../store/database.ts';
import {
  costCentersOf,
  explainDifference,
  type LedgerSpan,
  sumByCredential,
} from '../store/ledger-totals.ts';
import { type Comparison, claimPoll, comparedDays } from '../store/reconciliations.ts';
import {
  bigToUsd,
  DAY_MS,
  dayOf,
  keepAndTell,
  type Pending,
  type RunOutcome,
  startOfDay,
} from './reconciliation-run.ts';
import { type ComparedLine, compareDay, type KeyMap, mapKeys } from './upstream-comparison.ts';

/** Days a run looks back for one that was not compared; older ones only on demand. */
const LOOK_BACK_DAYS = 7;
/** Turns admitted before midnight have mostly settled by then. */
const SETTLED_AFTER_MS = 2 * 3_600_000;
/** Anthropic asks for no more than this. */
const POLL_EVERY_MS = 60_000;

/** `too_soon`: the report was asked less than a minute ago. */
export type UpstreamRun = ({ status: 'ran' } & RunOutcome) | { status: 'too_soon'; waitMs: number };

type Access = Pick<Bindings, 'db'> & { costReport: CostReportBindings };

/** Beginnings of the days that are due, epoch ms, oldest first. */
async function dueDays(database: Database, nowMs: number): Promise<number[]> {
  const first = startOfDay(nowMs) - LOOK_BACK_DAYS * DAY_MS;
  const compared = await comparedDays(database, new Date(first).toISOString());
  const days: number[] = [];
  for (let day = first; day + DAY_MS + SETTLED_AFTER_MS <= nowMs; day += DAY_MS) {
    if (!compared.has(new Date(day).toISOString())) days.push(day);
  }
  return days;
}

/**
 * Compares one day (epoch ms of its beginning), or with null all that are due. An unreadable report is logged and
 * leaves its days pending. Rejects where D1 is away.
 */
export async function reconcileUpstream(
  { db, costReport }: Access,
  day: number | null,
  nowMs: number,
): Promise<UpstreamRun> {
  const database = openDatabase(db);
  const days = day === null ? await dueDays(database, nowMs) : [day];
  const [first] = days;
  const last = days.at(-1);
  if (first === undefined || last === undefined) return { status: 'ran', records: [], pending: [] };
  const waitMs = await claimPoll(database, nowMs, POLL_EVERY_MS);
  if (waitMs > 0) return { status: 'too_soon', waitMs };
  const report = await readCosts(costReport, spanOf(first, last));
  if (!report.ok) {
    console.warn({ message: 'the cost report could not be read', ...report.error });
    const why = sentenceOf(report.error);
    return { status: 'ran', records: [], pending: days.map((each) => pendingDay(each, why)) };
  }
  const present = costReport.apiKey === null ? null : await fingerprintKey(costReport.apiKey);
  const keys = mapKeys(costReport.ownKeys, present);
  const outcome: RunOutcome = { records: [], pending: [] };
  for (const each of days) {
    const done = await reconcileDay({ db, costReport }, report.value, keys, { day: each, nowMs });
    outcome.records.push(...done.records);
    outcome.pending.push(...done.pending);
  }
  return { status: 'ran', ...outcome };
}

function spanOf(firstDay: number, lastDay: number): LedgerSpan {
  return { from: new Date(firstDay).toISOString(), to: new Date(lastDay + DAY_MS).toISOString() };
}

function pendingDay(day: number, why: string): Pending {
  return { kind: 'upstream', day: dayOf(day), why };
}

function sentenceOf(problem: ReportProblem): string {
  switch (problem.why) {
    case 'refused':
      return `Anthropic refused the report with status ${problem.status}`;
    case 'unreachable':
      return 'Anthropic could not be reached';
    case 'unreadable':
      return 'the report could not be read whole';
    case 'contradictory':
      return 'the report contradicted itself while it was read';
  }
}

async function reconcileDay(
  { db, costReport }: Access,
  report: Report<ReportedCost>,
  keys: KeyMap,
  { day, nowMs }: { day: number; nowMs: number },
): Promise<RunOutcome> {
  const { refreshedAtMs } = report;
  const refreshedAt = refreshedAtMs === null ? null : new Date(refreshedAtMs).toISOString();
  if (refreshedAtMs === null || refreshedAtMs < day + DAY_MS) {
    const why = `the report is complete only up to ${refreshedAt ?? 'an unknown instant'}`;
    console.info({ message: 'a day cannot be compared yet', day: dayOf(day), refreshedAt });
    return { records: [], pending: [pendingDay(day, why)] };
  }
  const span = spanOf(day, day);
  const database = openDatabase(db);
  const reported = report.rows.filter((row) => row.day === span.from);
  const ledger = await sumByCredential(database, span);
  const lines = compareDay(reported, ledger, keys, costReport.tolerance);
  const details: Comparison[] = [];
  for (const line of lines) details.push(await toComparison(database, line, span, refreshedAt));
  const records = await keepAndTell(db, details, nowMs);
  const summary = await keepAndTell(db, [summaryOf(lines, span, { refreshedAt, keys })], nowMs);
  return { records: [...records, ...summary], pending: [] };
}

/** A line with what could explain it, where it differs. */
async function toComparison(
  database: Database,
  line: ComparedLine,
  span: LedgerSpan,
  refreshedAt: string | null,
): Promise<Comparison> {
  const { apiKeyId, model, result, ledgerNanoUsd, counterpartNanoUsd } = line;
  const evidence = { data_refreshed_at: refreshedAt, ...line.evidence };
  return {
    kind: 'upstream',
    level: 'detail',
    result,
    windowStart: span.from,
    windowEnd: span.to,
    costCenter: null,
    developer: null,
    apiKeyId,
    model,
    ledgerNanoUsd,
    counterpartNanoUsd,
    evidence: result === 'differs' ? { ...evidence, ...(await explain(database, line, span)) } : evidence,
  };
}

async function explain(
  database: Database,
  { ledgerModels, model, credentials }: ComparedLine,
  span: LedgerSpan,
): Promise<Record<string, unknown>> {
  const models = [...new Set([...ledgerModels, model])];
  const disputed = { span, models, credentials };
  const explanations = await explainDifference(database, disputed);
  const costCenters = await costCentersOf(database, disputed);
  return {
    explanations: explanations.map(({ why, count, nanoUsd, entryIds }) => ({
      why,
      entries: count,
      charged_usd: bigToUsd(BigInt(nanoUsd)),
      entry_ids: entryIds,
    })),
    cost_centers: costCenters.map(({ costCenter, nanoUsd }) => ({
      cost_center: costCenter,
      charged_usd: bigToUsd(BigInt(nanoUsd)),
    })),
  };
}

/** The whole day: its own keys on both sides, and beside them what never went through Bursar. */
function summaryOf(
  lines: readonly ComparedLine[],
  span: LedgerSpan,
  { refreshedAt, keys }: { refreshedAt: string | null; keys: KeyMap },
): Comparison {
  const own = lines.filter(({ result }) => result !== 'outside');
  const outside = lines.filter(({ result }) => result === 'outside');
  const sum = (of: readonly ComparedLine[], side: 'ledgerNanoUsd' | 'counterpartNanoUsd'): bigint =>
    of.reduce((total, line) => total + line[side], 0n);
  return {
    kind: 'upstream',
    level: 'summary',
    result: own.every(({ result }) => result === 'agrees') ? 'agrees' : 'differs',
    windowStart: span.from,
    windowEnd: span.to,
    costCenter: null,
    developer: null,
    apiKeyId: null,
    model: null,
    ledgerNanoUsd: sum(own, 'ledgerNanoUsd'),
    counterpartNanoUsd: sum(own, 'counterpartNanoUsd'),
    evidence: {
      data_refreshed_at: refreshedAt,
      own_keys: keys.ownKeys,
      compared: own.length,
      differing: own.filter(({ result }) => result === 'differs').length,
      outside_lines: outside.length,
      outside_usd: bigToUsd(sum(outside, 'counterpartNanoUsd')),
    },
  };
}
