/**
 * What the reference wallet makes of a turn, from what the design says a decision is: lines that hand a turn down,
 * stages that step it down, steps that stick, and refusals only where nothing is left. Nothing here is cached by a
 * provider, so that every step to a cheaper model pays.
 */
import type { Ask, BudgetRules, Calendar, Expected, Quote, Rules, Total } from './reference-wallet.ts';

/** Where the money stands, as one instant sees it. */
export interface MoneyView {
  rules: Rules;
  calendar: Calendar;
  subject(budget: BudgetRules, ask: Ask): string;
  total(budget: BudgetRules, subject: string): Total;
  limit(budget: BudgetRules, subject: string): number;
}

/** A thread was stepped down to `model`, by a stage or because money ran short. */
export interface StickyStep {
  model: string;
  budget: string;
  subject: string;
  cause: 'downgrade' | 'pause';
  /** The amount that was passed. */
  line: number;
  endMs: number;
}

export interface Obstacle {
  budget: BudgetRules;
  why: 'budget' | 'pending' | 'unbounded';
}

type Verdict = { expected: Expected; quote: Quote | null; step: StickyStep | null };

/** A fraction of a limit, rounded down; `at` in thousandths. */
export function lineOf(limit: number, at: number): number {
  return Math.floor((limit / 1_000) * at);
}

function stageLine(
  view: MoneyView,
  ask: Ask,
  budget: BudgetRules,
  does: 'downgrade' | 'pause',
): number | null {
  const stage = budget.stages.find((each) => each.does === does);
  return stage ? lineOf(view.limit(budget, view.subject(budget, ask)), stage.at) : null;
}

function binds(budget: BudgetRules, quote: Quote): boolean {
  return budget.line === null || budget.line === quote.line;
}

export function obstaclesOf(view: MoneyView, ask: Ask, quote: Quote): Obstacle[] {
  return view.rules.budgets.flatMap((budget): Obstacle[] => {
    const pause = binds(budget, quote) ? stageLine(view, ask, budget, 'pause') : null;
    if (pause === null) return [];
    const { settled, held } = view.total(budget, view.subject(budget, ask));
    const own = budget.guaranteed ? quote.ceiling : quote.expected;
    if (own === null) return [{ budget, why: 'unbounded' }];
    if (settled >= pause || settled + own > pause) return [{ budget, why: 'budget' }];
    return settled + held + own > pause ? [{ budget, why: 'pending' }] : [];
  });
}

/** Money that a stage is judged on: a pause on what is settled, a step down on what is expected too. */
function judged({ settled, expected }: Total, cause: StickyStep['cause']): number {
  return cause === 'pause' ? settled : settled + expected;
}

function stillHolds(view: MoneyView, ask: Ask, step: StickyStep, nowMs: number): boolean {
  if (nowMs >= step.endMs) return false;
  const budget = view.rules.budgets.find(
    (each) => each.id === step.budget && view.subject(each, ask) === step.subject,
  );
  const line = budget ? stageLine(view, ask, budget, step.cause) : null;
  if (!budget || line === null) return false;
  return line <= step.line || judged(view.total(budget, step.subject), step.cause) >= line;
}

function stepBy(
  view: MoneyView,
  ask: Ask,
  budgets: readonly BudgetRules[],
  cause: StickyStep['cause'],
  model: string,
  nowMs: number,
): StickyStep | null {
  const endOf = ({ window }: BudgetRules): number =>
    window === null ? Number.POSITIVE_INFINITY : view.calendar.windowEnd(window, view.rules.timezone, nowMs);
  const [last] = [...budgets].sort((a, b) => (endOf(a) === endOf(b) ? 0 : endOf(b) - endOf(a)));
  const line = last ? stageLine(view, ask, last, cause) : null;
  if (!last || line === null) return null;
  const subject = view.subject(last, ask);
  return { model, budget: last.id, subject, cause, line, endMs: endOf(last) };
}

export function judge(view: MoneyView, ask: Ask, step: StickyStep | null, nowMs: number): Verdict {
  const position = ask.quotes.findIndex((quote) => quote.model === ask.model);
  const [asked] = ask.quotes.slice(position, position + 1);
  const below = ask.quotes.slice(position + 1).filter(({ model }) => view.rules.cascade.includes(model));
  if (!asked) throw new RangeError(`no quote of ${ask.model}`);
  const all = [asked, ...below];
  const held = step && stillHolds(view, ask, step, nowMs) ? step : null;
  const reached = held ? [] : reachedBudgets(view, ask, asked);
  const target =
    reached.length > 0 ? below.find((quote) => obstaclesOf(view, ask, quote).length === 0) : undefined;
  const first = held ? stuckAt(all, ask, held) : (target ?? asked);
  return tryInOrder(view, ask, { all, first, held, reached, target }, nowMs);
}

/** Budgets whose downgrade stage is reached, of those that bind the model asked for. */
function reachedBudgets(view: MoneyView, ask: Ask, asked: Quote): BudgetRules[] {
  return view.rules.budgets.filter((budget) => {
    const line = binds(budget, asked) ? stageLine(view, ask, budget, 'downgrade') : null;
    return line !== null && judged(view.total(budget, view.subject(budget, ask)), 'downgrade') >= line;
  });
}

/** The model of the step, or the nearest cheaper one; the cheapest there is, where none is that cheap. */
function stuckAt(all: readonly Quote[], ask: Ask, { model }: StickyStep): Quote {
  const order = ask.quotes.map((quote) => quote.model);
  const found = all.find((quote) => order.indexOf(quote.model) >= order.indexOf(model)) ?? all.at(-1);
  if (!found) throw new RangeError('no model at all');
  return found;
}

interface Course {
  all: readonly Quote[];
  first: Quote;
  held: StickyStep | null;
  reached: readonly BudgetRules[];
  target: Quote | undefined;
}

function tryInOrder(view: MoneyView, ask: Ask, course: Course, nowMs: number): Verdict {
  const { all, first, held, reached, target } = course;
  const at = all.indexOf(first);
  const passed: Obstacle[][] = [];
  for (const quote of [...all.slice(at), ...all.slice(0, at).reverse()]) {
    const obstacles = obstaclesOf(view, ask, quote);
    if (obstacles.length > 0) {
      passed.push(obstacles);
      continue;
    }
    const isAsked = quote.model === ask.model;
    const expected: Expected = {
      status: 'admitted',
      model: quote.model,
      decision: isAsked ? 'proceed' : 'downgrade',
    };
    if (isAsked) return { expected, quote, step: held };
    const spent = passed.flat().filter(({ why }) => why === 'budget');
    const short = stepBy(
      view,
      ask,
      spent.map(({ budget }) => budget),
      'pause',
      quote.model,
      nowMs,
    );
    const staged = quote === target ? stepBy(view, ask, reached, 'downgrade', quote.model, nowMs) : null;
    return { expected, quote, step: short ?? held ?? staged };
  }
  const hard = passed.map((obstacles) => obstacles.filter(({ why }) => why !== 'pending'));
  const why = hard.some((found) => found.length === 0)
    ? ['pending' as const]
    : [...new Set(hard.flat().map((obstacle) => obstacle.why))];
  return { expected: { status: 'refused', why }, quote: null, step: null };
}
