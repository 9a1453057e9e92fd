/**
 * What the reference wallet makes of a turn, from what the design says a decision is: lines that hand a turn down,
 * stages that step it down where that pays, steps that stick, and refusals only where nothing is left. Which model is
 * cheaper, and what pays, goes by contracted prices; nothing here is cached by a provider.
 */
import type { BudgetRules, Rules, Total } from './reference-rules.ts';
import type { Ask, Expected, Quote } from './reference-turn.ts';

/** Where the money stands, as one instant sees it. */
export interface MoneyView {
  rules: Rules;
  /** When a budget's window ends; never: a session's own. */
  endOf(budget: BudgetRules): number;
  subject(budget: BudgetRules, ask: Ask): string;
  total(budget: BudgetRules, subject: string): Total;
  limit(budget: BudgetRules, subject: string): number;
}

/** What keeps a thread from models dearer than `model`: a stage that was reached, or money that ran short. */
export interface Bar {
  model: string;
  /** Only models of this line are kept from it; null: all. */
  line: string | null;
  budget: string;
  subject: string;
  cause: 'downgrade' | 'pause';
  /** The amount that was passed. */
  amount: number;
  endMs: number;
}

/** A thread was stepped down; it sticks as long as any of this holds. */
export type StickyStep = readonly Bar[];

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

/** What a turn's entries say was held for it: the ceiling where any budget asks for that. */
export function heldFor({ budgets }: Rules, quote: Quote | null): number {
  const isGuaranteed = quote !== null && budgets.some((each) => each.guaranteed && binds(each, quote));
  return (isGuaranteed ? quote.ceiling : null) ?? quote?.expected ?? 0;
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
function judged({ settled, expected }: Total, cause: Bar['cause']): number {
  return cause === 'pause' ? settled : settled + expected;
}

function stillHolds(view: MoneyView, ask: Ask, bar: Bar, nowMs: number): boolean {
  if (nowMs >= bar.endMs) return false;
  const budget = view.rules.budgets.find(
    (each) => each.id === bar.budget && view.subject(each, ask) === bar.subject,
  );
  const line = budget ? stageLine(view, ask, budget, bar.cause) : null;
  if (!budget || line === null) return false;
  return line <= bar.amount || judged(view.total(budget, bar.subject), bar.cause) >= line;
}

function barBy(view: MoneyView, ask: Ask, budget: BudgetRules, cause: Bar['cause'], model: string): Bar[] {
  const { id } = budget;
  const amount = stageLine(view, ask, budget, cause);
  if (amount === null) return [];
  const endMs = view.endOf(budget);
  // A line's money that ran short says nothing of other lines; a stage has the thread step down from all.
  const line = cause === 'pause' ? budget.line : null;
  return [{ model, line, budget: id, subject: view.subject(budget, ask), cause, amount, endMs }];
}

/** `failed`: models that are not to be had for this turn, whatever money there is. */
export function judge(
  view: MoneyView,
  ask: Ask,
  step: StickyStep | null,
  nowMs: number,
  failed: readonly string[] = [],
): Verdict {
  const asked = quoteOf(ask, ask.model);
  const below = cheaperBelow(view.rules, ask, asked).filter(({ model }) => !failed.includes(model));
  if (failed.includes(ask.model)) return tryInOrder(view, ask, below, [], { bars: [], reached: [] });
  const all = [asked, ...below];
  const bars = (step ?? []).filter((bar) => stillHolds(view, ask, bar, nowMs));
  if (bars.length > 0) {
    const at = all.indexOf(stuckAt(all, ask, bars));
    return tryInOrder(view, ask, all.slice(at), all.slice(0, at).reverse(), { bars, reached: [] });
  }
  const reached = reachedBudgets(view, ask, asked);
  const isFree = (quote: Quote): boolean => obstaclesOf(view, ask, quote).length === 0;
  const paying = below.filter(({ course }) => course < asked.course);
  const target = reached.length > 0 ? paying.findIndex(isFree) : -1;
  return target >= 0
    ? tryInOrder(view, ask, paying.slice(0, target + 1), [], { bars, reached })
    : tryInOrder(view, ask, all, [], { bars, reached: [] });
}

function quoteOf(ask: Ask, model: string): Quote {
  const quote = ask.quotes.find((each) => each.model === model);
  if (!quote) throw new RangeError(`no quote of ${model}`);
  return quote;
}

/** What of the cascade comes after the model asked for and is cheaper, all of it where that model isn't in it. */
function cheaperBelow({ cascade }: Rules, ask: Ask, asked: Quote): Quote[] {
  return cascade
    .slice(cascade.indexOf(ask.model) + 1)
    .map((model) => quoteOf(ask, model))
    .filter(({ dearness }) => dearness < asked.dearness);
}

/** Budgets whose downgrade stage is reached, of those that bind the model asked for. */
function reachedBudgets(view: MoneyView, ask: Ask, asked: Quote): BudgetRules[] {
  return view.rules.budgets.filter((budget) => {
    const line = binds(budget, asked) ? stageLine(view, ask, budget, 'downgrade') : null;
    return line !== null && judged(view.total(budget, view.subject(budget, ask)), 'downgrade') >= line;
  });
}

/** The first model that nothing keeps the thread from; the cheapest there is, where all are barred. */
function stuckAt(all: readonly Quote[], ask: Ask, bars: readonly Bar[]): Quote {
  const isBarred = (quote: Quote): boolean =>
    bars.some(
      ({ line, model }) =>
        (line === null || line === quote.line) && quote.dearness > quoteOf(ask, model).dearness,
    );
  const found = all.find((quote) => !isBarred(quote)) ?? all.at(-1);
  if (!found) throw new RangeError('no model at all');
  return found;
}

/** What is in force already, and the budgets whose stage leads to the first model tried. */
interface Cause {
  bars: readonly Bar[];
  reached: readonly BudgetRules[];
}

/** Tries `down`, one below the other; what is above only where nothing below will ever be free. */
function tryInOrder(
  view: MoneyView,
  ask: Ask,
  down: readonly Quote[],
  up: readonly Quote[],
  { bars, reached }: Cause,
): Verdict {
  const passed: Obstacle[][] = [];
  const [led] = down;
  const made = led ? reached.flatMap((budget) => barBy(view, ask, budget, 'downgrade', led.model)) : [];
  for (const [index, quote] of down.entries()) {
    const obstacles = obstaclesOf(view, ask, quote);
    if (obstacles.length === 0) return admitted(ask, quote, [...bars, ...made]);
    passed.push(obstacles);
    const next = down[index + 1];
    for (const { budget, why } of obstacles) {
      if (next && why === 'budget') made.push(...barBy(view, ask, budget, 'pause', next.model));
    }
  }
  const isPending = passed.some((obstacles) => obstacles.every(({ why }) => why === 'pending'));
  for (const quote of isPending ? [] : up) {
    const obstacles = obstaclesOf(view, ask, quote);
    if (obstacles.length === 0) return admitted(ask, quote, bars);
    passed.push(obstacles);
  }
  if (passed.length === 0)
    return { expected: { status: 'refused', why: ['model'] }, quote: null, step: null };
  const hard = passed.map((obstacles) => obstacles.filter(({ why }) => why !== 'pending'));
  const why = hard.some((found) => found.length === 0)
    ? ['pending' as const]
    : [...new Set(hard.flat().map((obstacle) => obstacle.why))];
  return { expected: { status: 'refused', why }, quote: null, step: null };
}

function admitted(ask: Ask, quote: Quote, step: StickyStep): Verdict {
  const decision = quote.model === ask.model ? 'proceed' : 'downgrade';
  const expected: Expected = { status: 'admitted', model: quote.model, decision };
  return { expected, quote, step: step.length > 0 ? step : null };
}
