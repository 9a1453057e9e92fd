/**
 * The wallet of one cost center in virtual time: sums, holds, histories and steps as plain data, around the same
 * pure decision that the real wallet makes. It promises nothing about storage, and nothing waits.
 */
import { priceUsage } from '../../durable-objects/core/catalogue/price.ts';
import type { Catalogue } from '../../durable-objects/core/catalogue/types.ts';
import type { TurnToDecide } from '../../durable-objects/core/decision.ts';
import { FIRST_OUTPUT_TOKENS } from '../../durable-objects/core/estimate.ts';
import { nextHistory, type SessionHistory } from '../../durable-objects/core/history.ts';
import { type Hold, heldAmount } from '../../durable-objects/core/hold.ts';
import { nanoUsd } from '../../durable-objects/core/money.ts';
import type { Budget, Policy } from '../../durable-objects/core/policy/types.ts';
import type { Standing } from '../../durable-objects/core/standing.ts';
import type { Step } from '../../durable-objects/core/step.ts';
import type { Usage } from '../../durable-objects/core/usage.ts';
import { windowAt } from '../../durable-objects/core/window.ts';
import { type TrafficTurn, toTurnFacts } from '../traffic/turn.ts';

/** A turn while it runs, and what it set aside. */
export interface OpenTurn {
  turn: TrafficTurn;
  model: string;
  line: string | null;
  hold: Hold;
  admittedAtMs: number;
}

export class VirtualWallet {
  readonly policy: Policy | null;
  readonly #catalogue: Catalogue;
  readonly #open = new Set<OpenTurn>();
  /** Settled nano-USD by budget, subject and start of the window. */
  readonly #settled = new Map<string, number>();
  readonly #histories = new Map<string, SessionHistory>();
  readonly #steps = new Map<string, Step>();
  readonly #sessionStarts = new Map<string, number>();

  constructor(policy: Policy | null, catalogue: Catalogue) {
    this.policy = policy;
    this.#catalogue = catalogue;
  }

  /** What a decision over the turn is made from. */
  turnToDecide(turn: TrafficTurn): TurnToDecide {
    return {
      facts: toTurnFacts(turn),
      history: this.#histories.get(turn.thread) ?? null,
      tags: turn.keyTags,
      step: this.#steps.get(turn.thread) ?? null,
      allowedModels: null,
      preferred: null,
      exempt: false,
      refused: [],
    };
  }

  standings(turn: TrafficTurn, atMs: number): Standing[] {
    return (this.policy?.budgets ?? []).map((budget) => this.#standing(budget, turn, atMs));
  }

  #span(budget: Budget, turn: TrafficTurn, atMs: number): { startMs: number; endMs: number | null } {
    if (budget.window !== 'session') return windowAt(budget.window, this.policy?.timezone ?? 'UTC', atMs);
    return { startMs: this.#sessionStarts.get(turn.session) ?? atMs, endMs: null };
  }

  #standing(budget: Budget, turn: TrafficTurn, atMs: number): Standing {
    const span = this.#span(budget, turn, atMs);
    const subject = subjectOf(budget, turn);
    const limit = budget.overrides.get(subject) ?? budget.limitNanoUsd;
    let held = 0;
    let expected = 0;
    for (const open of this.#open) {
      const isInWindow =
        open.admittedAtMs >= span.startMs && (span.endMs === null || open.admittedAtMs < span.endMs);
      if (!isInWindow || subjectOf(budget, open.turn) !== subject) continue;
      if (budget.line !== null && budget.line !== open.line) continue;
      held += heldAmount(open.hold, budget.admission) ?? open.hold.expected;
      expected += open.hold.expected;
    }
    return {
      budget,
      subject,
      ...span,
      limit,
      raised: nanoUsd(0),
      settled: nanoUsd(this.#settled.get(sumName(budget, subject, span.startMs)) ?? 0),
      held: nanoUsd(held),
      expected: nanoUsd(expected),
    };
  }

  hold(open: OpenTurn, step: Step | null): void {
    const { turn, admittedAtMs } = open;
    this.#open.add(open);
    if (!this.#sessionStarts.has(turn.session)) this.#sessionStarts.set(turn.session, admittedAtMs);
    if (step) this.#steps.set(turn.thread, step);
    else this.#steps.delete(turn.thread);
  }

  /** Puts the exact cost in the hold's place and tells it in nano-USD; a null usage is a turn that failed. */
  settle(open: OpenTurn, usage: Usage | null, atMs: number): number {
    this.#open.delete(open);
    if (!usage) return 0;
    const { turn, model, line, admittedAtMs } = open;
    const { nanoUsd: charged } = priceUsage({
      usage,
      sentModel: model,
      atMs: admittedAtMs,
      catalogue: this.#catalogue,
    });
    for (const budget of this.policy?.budgets ?? []) {
      if (budget.line !== null && budget.line !== line) continue;
      const name = sumName(budget, subjectOf(budget, turn), this.#span(budget, turn, admittedAtMs).startMs);
      this.#settled.set(name, (this.#settled.get(name) ?? 0) + charged);
    }
    // A turn that was left is charged at an estimate, which no history is made of.
    if (turn.leftAfter === null) this.#remember(open, usage, atMs);
    return charged;
  }

  #remember({ turn, model }: OpenTurn, usage: Usage, atMs: number): void {
    const known = this.#catalogue.models.find((each) => each.id === model);
    const history = nextHistory(this.#histories.get(turn.thread) ?? null, {
      model,
      tokenizer: known?.tokenizer ?? 'new',
      tokens: usage.tokens,
      bodyBytes: turn.bodyBytes,
      kind: turn.kind,
      cacheTtl: turn.cacheTtl,
      firstOutputTokens: FIRST_OUTPUT_TOKENS[turn.kind],
      atMs,
    });
    this.#histories.set(turn.thread, history);
  }
}

function subjectOf({ scope }: Budget, turn: TrafficTurn): string {
  switch (scope) {
    case 'cost_center':
      return turn.costCenter;
    case 'developer':
    case 'key':
      return turn.developer;
    case 'session':
      return turn.session;
  }
}

function sumName({ id }: Budget, subject: string, startMs: number): string {
  return `${id} ${subject} ${startMs}`;
}
