/**
 * Plays traffic against a manager in virtual time: each turn is judged when it comes, runs as long as its answer
 * takes on the model it went to, and is settled at what that model's provider would really have billed.
 */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import type { Catalogue, Model } from '../../durable-objects/core/catalogue/types.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import { CacheWorld } from '../traffic/cache-world.ts';
import { answerMs, type TrafficTurn } from '../traffic/turn.ts';
import type { Manager, Verdict } from './managers.ts';
import { Queue } from './queue.ts';
import { type OpenTurn, VirtualWallet } from './virtual-wallet.ts';

/** A turn that only waits for holds comes back after this long, so often; then its developer gives up. */
const RETRY_MS = 4_000;
const MAX_RETRIES = 10;

export interface PlayOptions {
  traffic: Iterable<TrafficTurn>;
  manager: Manager;
  policyOf(costCenter: string): Policy | null;
  catalogue: Catalogue;
  /** Told of each turn as it is judged, and as it is settled at a price. */
  judged?(turn: TrafficTurn, verdict: Verdict, atMs: number): void;
  settled?(open: OpenTurn, chargedNanoUsd: number): void;
}

export interface Outcome {
  turns: number;
  costNanoUsd: number;
  costByCostCenter: Map<string, number>;
  refused: number;
  /** Turns that went to another model than the one asked for. */
  steppedDown: number;
  routed: number;
  /** How often a thread's model was not the one of its turn before, while the client asked for the same. */
  switches: number;
  /** Turns told to come back because only holds stood in the way, each time counted. */
  postponed: number;
}

interface Attempt {
  turn: TrafficTurn;
  retries: number;
}

class Game {
  readonly outcome: Outcome = {
    turns: 0,
    costNanoUsd: 0,
    costByCostCenter: new Map(),
    refused: 0,
    steppedDown: 0,
    routed: 0,
    switches: 0,
    postponed: 0,
  };
  readonly #options: PlayOptions;
  readonly #wallets = new Map<string, VirtualWallet>();
  readonly #world = new CacheWorld();
  readonly #endings = new Queue<OpenTurn>();
  readonly #retries = new Queue<Attempt>();
  readonly #lastModels = new Map<string, { asked: string; served: string }>();

  constructor(options: PlayOptions) {
    this.#options = options;
  }

  #walletOf(costCenter: string): VirtualWallet {
    const known = this.#wallets.get(costCenter);
    if (known) return known;
    const wallet = new VirtualWallet(this.#options.policyOf(costCenter), this.#options.catalogue);
    this.#wallets.set(costCenter, wallet);
    return wallet;
  }

  /** Does all that is due before an instant: answers end, turns come back. */
  advance(untilMs: number): void {
    for (;;) {
      const ending = this.#endings.nextMs() ?? Number.POSITIVE_INFINITY;
      const retry = this.#retries.nextMs() ?? Number.POSITIVE_INFINITY;
      if (Math.min(ending, retry) > untilMs) return;
      if (ending <= retry) {
        const open = this.#endings.take();
        if (open) this.#end(open, ending);
      } else {
        const again = this.#retries.take();
        if (again) this.come(again, retry);
      }
    }
  }

  come({ turn, retries }: Attempt, atMs: number): void {
    const { manager, catalogue, judged } = this.#options;
    const wallet = this.#walletOf(turn.costCenter);
    const asked = wallet.turnToDecide(turn);
    const verdict = manager.judge(asked, wallet.standings(turn, atMs), wallet.policy, catalogue, atMs);
    judged?.(turn, verdict, atMs);
    if (verdict.kind === 'serve') this.#serve(wallet, turn, verdict, atMs);
    else this.#turnAway({ turn, retries }, verdict, atMs);
  }

  #turnAway({ turn, retries }: Attempt, verdict: Verdict & { kind: 'refuse' }, atMs: number): void {
    if (verdict.isPending && retries < MAX_RETRIES) {
      this.outcome.postponed += 1;
      this.#retries.put(atMs + RETRY_MS, { turn, retries: retries + 1 });
      return;
    }
    this.outcome.refused += 1;
  }

  #serve(wallet: VirtualWallet, turn: TrafficTurn, verdict: Verdict & { kind: 'serve' }, atMs: number): void {
    const model = this.#modelOf(verdict.model);
    const { hold, step } = verdict;
    const open: OpenTurn = { turn, model: model.id, line: model.line, hold, admittedAtMs: atMs };
    wallet.hold(open, step);
    this.#endings.put(atMs + answerMs(turn, model), open);
    if (turn.model !== model.id) this.outcome.steppedDown += 1;
    if (verdict.isRouted) this.outcome.routed += 1;
    const last = this.#lastModels.get(turn.thread);
    if (last && last.asked === turn.model && last.served !== model.id) this.outcome.switches += 1;
    this.#lastModels.set(turn.thread, { asked: turn.model, served: model.id });
  }

  #end(open: OpenTurn, atMs: number): void {
    const { turn, model, admittedAtMs } = open;
    const usage = this.#world.serve(turn, this.#modelOf(model), admittedAtMs);
    const charged = this.#walletOf(turn.costCenter).settle(open, usage, atMs);
    const { outcome } = this;
    outcome.costNanoUsd += charged;
    const before = outcome.costByCostCenter.get(turn.costCenter) ?? 0;
    outcome.costByCostCenter.set(turn.costCenter, before + charged);
    this.#options.settled?.(open, charged);
  }

  #modelOf(id: string): Model {
    const model = findModel(this.#options.catalogue, id);
    if (!model) throw new RangeError(`no model ${id}`);
    return model;
  }
}

export function play(options: PlayOptions): Outcome {
  const game = new Game(options);
  for (const turn of options.traffic) {
    game.advance(turn.atMs);
    game.outcome.turns += 1;
    game.come({ turn, retries: 0 }, turn.atMs);
  }
  game.advance(Number.MAX_SAFE_INTEGER);
  return game.outcome;
}
