/** Reads a month of a cost center together for its review. */
import { retirementWarnings } from '../../../durable-objects/core/policy/retirement.ts';
import type { Budget } from '../../../durable-objects/core/policy/types.ts';
import type { Bindings } from '../../bindings.ts';
import { sumAway } from '../../store/away-segments.ts';
import type { CostCenter } from '../../store/cost-centers.ts';
import type { Database } from '../../store/database.ts';
import { findPolicyVersion } from '../../store/policy-versions.ts';
import {
  type EventSpan,
  type RaisedRow,
  readBreaches,
  readPolicyChanges,
  readRaised,
  readRequested,
} from '../../store/review-events.ts';
import { readExpiredHolds, readRedirected, readRefusals, readSpend } from '../../store/review-ledger.ts';
import { readDaySpend, readSessionSpend } from '../../store/review-windows.ts';
import { alertReach } from '../alert-reach.ts';
import { knownModels } from '../known-models.ts';
import { livePolicy } from '../live-policy.ts';
import { type BudgetUse, budgetUse, fitOf } from './budget-use.ts';
import type { MonthlyReview, RepeatedRaise } from './monthly-review.ts';
import type { ReviewMonth } from './review-month.ts';
import { type WindowSpend, windowsOf } from './window-spend.ts';

const DAY_MS = 86_400_000;
/** A week that begins on the last day of a month has so many days after it. */
const DAYS_OF_LAST_WEEK = 6;
const UNUSED_BELOW = 0.3;

type Windows = ReadonlyMap<string, WindowSpend[] | null>;

/** The windows of every budget that began in the month, by the budget's id. */
async function readWindows(
  database: Database,
  budgets: readonly Budget[],
  span: EventSpan,
  catalogue: Parameters<typeof windowsOf>[1]['catalogue'],
): Promise<Windows> {
  const grain = {
    developers: budgets.some(({ scope }) => scope === 'developer'),
    keys: budgets.some(({ scope }) => scope === 'key'),
    models: budgets.some(({ line }) => line !== null),
  };
  const until = new Date(Date.parse(span.to) + DAYS_OF_LAST_WEEK * DAY_MS).toISOString();
  const isSession = ({ window }: Budget) => window === 'session';
  const days = budgets.every(isSession) ? [] : await readDaySpend(database, { ...span, to: until }, grain);
  const sessions = budgets.some(isSession) ? await readSessionSpend(database, span) : [];
  const rows = { costCenter: span.costCenter, days, sessions, catalogue };
  const beginnings = { from: span.from.slice(0, 10), to: span.to.slice(0, 10) };
  return new Map(budgets.map((budget) => [budget.id, windowsOf(budget, rows, beginnings)]));
}

/** None while the month runs: what is little used by now may still fill. */
function unusedOf(budgets: readonly BudgetUse[], { isFinished }: ReviewMonth): BudgetUse[] {
  if (!isFinished) return [];
  return budgets.filter(
    ({ windows, highestUtilization }) => windows !== null && highestUtilization <= UNUSED_BELOW,
  );
}

function repeatedOf(
  raised: readonly RaisedRow[],
  budgets: readonly Budget[],
  windows: Windows,
): RepeatedRaise[] {
  return raised
    .filter(({ raises }) => raises > 1)
    .map((row) => {
      const budget = budgets.find(({ id }) => id === row.budget);
      const spent = windows.get(row.budget);
      return { ...row, fit: budget && spent ? fitOf(budget, spent, row.subject) : null };
    });
}

async function missingOf(
  { db }: Pick<Bindings, 'db'>,
  month: ReviewMonth,
  span: EventSpan,
  windows: Windows,
): Promise<string[]> {
  const away = await sumAway(db, span);
  const tooMany = [...windows].filter(([, spent]) => spent === null).map(([id]) => id);
  return [
    ...(month.isFinished ? [] : [`${month.month} is not over yet (UTC): these are its figures so far`]),
    ...(away
      ? [
          `${away.entries} entries of ${away.firstDay} to ${away.lastDay} are archived: refusals, holds that expired and what sessions spent lack them; restore the days to have them`,
        ]
      : []),
    ...(tooMany.length > 0 ? [`the windows of ${tooMany.join(', ')} are too many to be added up here`] : []),
  ];
}

/** The review of a month, as of now. Rejects where D1 is away. */
export async function reviewOf(
  database: Database,
  owner: CostCenter,
  month: ReviewMonth,
  bindings: Pick<Bindings, 'db' | 'alertMeans'>,
): Promise<MonthlyReview> {
  const nowMs = Date.now();
  const asOf = new Date(nowMs).toISOString();
  const span = { costCenter: owner.id, from: month.from, to: month.to };
  const known = await knownModels(database, nowMs);
  const live = await livePolicy(database, owner, null);
  const row = live && (await findPolicyVersion(database, owner.id, live.version));
  const budgets = live?.policy.budgets ?? [];
  const windows = await readWindows(database, budgets, span, known.catalogue);
  const { breaches, subjects } = await readBreaches(database, span);
  const raised = await readRaised(database, span);
  const used = budgets.map((budget) => budgetUse(budget, windows.get(budget.id) ?? null));
  const previous = { costCenter: owner.id, from: month.previousFrom, to: month.previousTo };
  return {
    month,
    asOf,
    livePolicyVersion: live?.version ?? null,
    spend: await readSpend(database, span),
    previousSpend: await readSpend(database, previous),
    breaches,
    breachSubjects: subjects,
    raised,
    repeatedRaises: repeatedOf(raised, budgets, windows),
    requested: await readRequested(database, span, asOf),
    redirected: await readRedirected(database, span),
    refusals: await readRefusals(database, span),
    expiredHolds: await readExpiredHolds(database, span),
    retiringModels: live ? retirementWarnings(live.policy, known) : [],
    unheard: row ? await alertReach(database, row, bindings) : [],
    policyChanges: await readPolicyChanges(database, span),
    budgets: used,
    unused: unusedOf(used, month),
    missing: await missingOf(bindings, month, span, windows),
  };
}
