/**
 * A squad's days under a canary, without a wallet: sessions, money, an upstream and tools that fail by chance, decided
 * over by the same `decide` and counted by the same guard.
 */
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { decide } from '../../../durable-objects/core/decide.ts';
import type { Decision } from '../../../durable-objects/core/decision.ts';
import {
  count,
  type GuardBook,
  UNWATCHED,
  type Watched,
} from '../../../durable-objects/core/guards/guard.ts';
import {
  isChanged,
  type Observation,
  type Observed,
  ofDecision,
  ofIncreaseRequest,
  ofToolResults,
  ofUpstream,
  type Side,
} from '../../../durable-objects/core/guards/observe.ts';
import { type GuardSignal, NO_TURNS, type Tally } from '../../../durable-objects/core/guards/signals.ts';
import { nanoUsd } from '../../../durable-objects/core/money.ts';
import { isInCanary } from '../../../durable-objects/core/policy/canary.ts';
import type { Policy } from '../../../durable-objects/core/policy/types.ts';
import type { Standing } from '../../../durable-objects/core/standing.ts';
import type { Step } from '../../../durable-objects/core/step.ts';
import { NOW, turn } from '../judging.ts';
import type { Chance } from './chance.ts';

export interface World {
  base: Policy;
  candidate: Policy;
  /** Null: the candidate decides over every session. */
  share: number | null;
  /** Sessions that run at the same time. */
  atOnce: number;
  turnsADay: number;
  days: number;
  /** Models that the upstream does not take. */
  broken: readonly string[];
  /** How often tool calls of a model fail. */
  failing: (model: string) => number;
}

/** What the guard came to, and when. */
export interface Ended {
  /** Null where it never tripped. */
  tripped: GuardSignal | null;
  /** Turns that went badly under the candidate up to then, whether the guard counted them or not. */
  badTurns: number;
  refusals: number;
  book: MemoryBook;
}

export class MemoryBook implements GuardBook {
  readonly #watched = new Map<GuardSignal, Watched>();
  readonly #base = new Map<GuardSignal, Tally>();
  readonly #bad = new Map<string, number>();

  watched(signal: GuardSignal): Watched {
    return this.#watched.get(signal) ?? UNWATCHED;
  }

  base(signal: GuardSignal): Tally {
    return this.#base.get(signal) ?? NO_TURNS;
  }

  badOf(side: Side, signal: GuardSignal, subject: string): number {
    return this.#bad.get(`${side} ${signal} ${subject}`) ?? 0;
  }

  saveWatched(signal: GuardSignal, watched: Watched): void {
    this.#watched.set(signal, watched);
  }

  addToBase(signal: GuardSignal, isBad: boolean): void {
    const { turns, bad } = this.base(signal);
    this.#base.set(signal, { turns: turns + 1, bad: bad + (isBad ? 1 : 0) });
  }

  addBadOf(side: Side, signal: GuardSignal, subject: string): void {
    this.#bad.set(`${side} ${signal} ${subject}`, this.badOf(side, signal, subject) + 1);
  }
}

interface Session {
  id: string;
  developer: string;
  left: number;
  step: Step | null;
  /** How the turn before was served. */
  last: { side: Side; wasChanged: boolean; model: string; turnId: string } | null;
}

const PRICE_USD: Record<string, number> = {
  'claude-opus-5-5': 0.3,
  'claude-sonnet-5-5': 0.18,
  'claude-haiku-5-5': 0.06,
};
const DEVELOPERS = 12;
const DAY_MS = 86_400_000;

/** Plays the days until the guard trips or they are over. */
export function play(world: World, chance: Chance): Ended {
  return new Days(world, chance).play();
}

class Days {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #book = new MemoryBook();
  #sessions: Session[] = [];
  #begun = 0;
  #turns = 0;
  #spent = new Map<string, number>();
  #remembered = new Set<string>();
  #tripped: GuardSignal | null = null;
  #badTurns = 0;
  #refusals = 0;

  constructor(world: World, chance: Chance) {
    this.#world = world;
    this.#chance = chance;
  }

  play(): Ended {
    const { days, turnsADay } = this.#world;
    for (let day = 0; day < days; day += 1) {
      this.#spent = new Map();
      this.#remembered = new Set();
      for (let at = 0; at < turnsADay && this.#tripped === null; at += 1) {
        this.#turn(NOW + day * DAY_MS + at * 30_000);
      }
    }
    return {
      tripped: this.#tripped,
      badTurns: this.#badTurns,
      refusals: this.#refusals,
      book: this.#book,
    };
  }

  #turn(nowMs: number): void {
    const session = this.#nextSession();
    this.#turns += 1;
    const turnId = `turn-${this.#turns}`;
    const { share, base, candidate } = this.#world;
    const side: Side = share === null || isInCanary(session.id, 2, share) ? 'candidate' : 'base';
    const [policy, other] = side === 'candidate' ? [candidate, base] : [base, candidate];
    const observed: Observed = { side, session: session.id, developer: session.developer, turnId, nowMs };
    this.#lookBack(session);
    const decision = this.#decide(policy, session, nowMs);
    this.#lookAt(observed, decision, policy, other, session);
    const served = decision.kind === 'refuse' ? decision : this.#send(observed, decision, policy, session);
    if (served.kind === 'refuse') {
      this.#refuse(observed, session, policy, other);
      return;
    }
    const { model } = served;
    session.step = served.step;
    session.last = { side, wasChanged: isChanged(served), model, turnId };
    const cost = (PRICE_USD[model] ?? 1) * (0.5 + this.#chance.next());
    for (const subject of ['team', session.developer]) {
      this.#spent.set(subject, (this.#spent.get(subject) ?? 0) + cost);
    }
  }

  #lookAt(observed: Observed, decision: Decision, policy: Policy, other: Policy, session: Session): void {
    const { nowMs, side } = observed;
    const seen = ofDecision(observed, decision, {
      other: () => this.#decide(other, session, nowMs),
      leftOut: [...this.#remembered],
      withLeftOut: () => this.#decide(policy, session, nowMs, { forgetting: true }),
    });
    if (side === 'candidate' && seen.some(({ signal, isBad }) => signal === 'upstream_400s' && isBad)) {
      this.#badTurns += 1;
    }
    this.#see(...seen);
  }

  #nextSession(): Session {
    while (this.#sessions.length < this.#world.atOnce) {
      this.#begun += 1;
      const developer = `dev-${this.#chance.below(DEVELOPERS)}`;
      const left = 5 + this.#chance.below(40);
      this.#sessions.push({ id: `session-${this.#begun}`, developer, left, step: null, last: null });
    }
    const session = this.#sessions[this.#chance.below(this.#world.atOnce)];
    if (!session) throw new Error('there are as many sessions as run at once');
    session.left -= 1;
    if (session.left <= 0) this.#end(session);
    return session;
  }

  #end(session: Session): void {
    this.#sessions = this.#sessions.filter((each) => each !== session);
  }

  #lookBack({ id: session, last }: Session): void {
    if (!last) return;
    const haveFailed = this.#chance.happens(this.#world.failing(last.model));
    if (haveFailed && last.side === 'candidate' && last.wasChanged) this.#badTurns += 1;
    this.#see(ofToolResults({ ...last, session }, haveFailed));
  }

  #decide(
    policy: Policy,
    session: Session,
    nowMs: number,
    { failed = [], forgetting = false }: { failed?: readonly string[]; forgetting?: boolean } = {},
  ): Decision {
    const facts = { session: session.id, bodyBytes: 60_000 };
    const refused = forgetting ? failed : [...failed, ...this.#remembered];
    const step = failed.length > 0 ? null : session.step;
    const standings = this.#standings(policy, session, nowMs);
    return decide(turn(facts, { refused, step }), standings, policy, builtinCatalogue, nowMs);
  }

  /** To the upstream, and where that refuses the model, decided over anew without it. */
  #send(
    observed: Observed,
    decision: Exclude<Decision, { kind: 'refuse' }>,
    policy: Policy,
    session: Session,
  ) {
    const isRefused = this.#world.broken.includes(decision.model);
    if (isChanged(decision)) this.#see(ofUpstream(observed, isRefused));
    if (!isRefused) return decision;
    if (observed.side === 'candidate') this.#badTurns += 1;
    this.#remembered.add(decision.model);
    return this.#decide(policy, session, observed.nowMs, { failed: [decision.model] });
  }

  /** A refused developer tries once more half of the time, asks for more now and then, and gives the session up. */
  #refuse(observed: Observed, session: Session, policy: Policy, other: Policy): void {
    this.#refusals += 1;
    if (observed.side === 'candidate') this.#badTurns += 1;
    if (this.#chance.happens(0.2)) {
      const { nowMs } = observed;
      const seen = ofIncreaseRequest(
        observed,
        this.#standings(policy, session, nowMs),
        this.#standings(other, session, nowMs),
      );
      if (seen) this.#see(seen);
    }
    session.last = null;
    if (this.#chance.happens(0.5)) this.#end(session);
  }

  #standings(policy: Policy, { developer }: Session, nowMs: number): Standing[] {
    const dayMs = NOW + Math.floor((nowMs - NOW) / DAY_MS) * DAY_MS;
    return policy.budgets.map((budget) => {
      const subject = budget.scope === 'developer' ? developer : 'team';
      return {
        budget,
        subject,
        startMs: dayMs,
        endMs: dayMs + DAY_MS,
        limit: budget.limitNanoUsd,
        raised: nanoUsd(0),
        settled: nanoUsd(Math.round((this.#spent.get(subject) ?? 0) * 1e9)),
        held: nanoUsd(0),
        expected: nanoUsd(0),
      };
    });
  }

  #see(...observations: readonly Observation[]): void {
    for (const each of observations) {
      if (count(this.#book, each)) this.#tripped ??= each.signal;
    }
  }
}
