/**
 * A squad at work against its real wallet, in virtual time: clients that open, retry, leave, fail, are stepped down to
 * models that do not work, get lost with their lease, and end a session that is refused for good. The same turns meet
 * the same incidents, whatever the policy.
 */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { Model } from '../../durable-objects/core/catalogue/types.ts';
import { Queue } from '../../durable-objects/core/replay/queue.ts';
import type { Usage } from '../../durable-objects/core/usage.ts';
import type { OpenReply, Outcome } from '../../durable-objects/wallet/rpc.ts';
import type { Wallet } from '../../durable-objects/wallet/wallet.ts';
import { ANSWER, insertKey } from '../fixture.ts';
import { CacheWorld } from '../traffic/cache-world.ts';
import { Random } from '../traffic/random.ts';
import { answerMs, outputUntilLeft, type TrafficTurn, tokensOn, toTurnFacts } from '../traffic/turn.ts';
import { commitChange, commitPolicy, drain, openWallet, type Scenario } from '../wallet/scenario.ts';

const LEASE_MS = 30_000;
const MAX_RETRIES = 10;

/** How often what goes wrong does, of 1. */
export interface Incidents {
  /** The worker is lost, and half of the time reports late. */
  lost: number;
  /** The model a turn was stepped down to refuses it. */
  failing: number;
}

interface OpenTurn {
  turn: TrafficTurn;
  id: string;
  attempt: number;
  usage: Usage | null;
  model: Model;
}

interface Due {
  atMs: number;
  order: number;
  act(): Promise<void>;
}

export class LiveSquad {
  readonly scenario: Scenario;
  /** How each turn was decided last, by the traffic's own id. */
  readonly decided = new Map<string, { kind: string; model: string | null }>();
  readonly #incidents: Incidents;
  readonly #setClock: (ms: number) => void;
  readonly #keys = new Map<string, string>();
  readonly #world = new CacheWorld();
  readonly #due = new Queue<Due>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));
  readonly #open = new Map<string, OpenTurn>();
  readonly #endedUntil = new Map<string, number>();
  #wallet: Wallet | null = null;
  #order = 0;
  #nowMs = 0;

  private constructor(scenario: Scenario, incidents: Incidents, setClock: (ms: number) => void) {
    this.scenario = scenario;
    this.#incidents = incidents;
    this.#setClock = setClock;
  }

  /** A fresh cost center with a key for each developer. */
  static async begin(
    policy: object,
    developers: readonly string[],
    incidents: Incidents,
    setClock: (ms: number) => void,
  ): Promise<LiveSquad> {
    const scenario = await openWallet(policy);
    const squad = new LiveSquad(scenario, incidents, setClock);
    const statements = developers.map((developer, index) => {
      const keyId = `k${`${scenario.id.replace(/\D/g, '')}${index + 1}`.padStart(20, '9').padStart(24, '0')}`;
      squad.#keys.set(developer, keyId);
      return insertKey(scenario.id, keyId, developer, 1);
    });
    await env.DB.batch(statements);
    return squad;
  }

  at(atMs: number, act: () => Promise<void>): void {
    this.#order += 1;
    this.#due.put({ atMs, order: this.#order, act });
  }

  keyOf(developer: string): string {
    const key = this.#keys.get(developer);
    if (key === undefined) throw new RangeError(`no key of ${developer}`);
    return key;
  }

  /** Makes a change of the cost center known to its wallet. */
  async change(...statements: D1PreparedStatement[]): Promise<void> {
    const { id } = this.scenario;
    await this.wallet.refresh(id, await commitChange(id, ...statements));
  }

  /** Makes a further version of the policy the live one. */
  async changePolicy(policy: object): Promise<void> {
    const { id } = this.scenario;
    await this.wallet.refresh(id, await commitPolicy(id, policy));
  }

  /** Lets the squad work, with everything that is due beside it. It calls its wallet from within: a call takes no time. */
  async work(turns: readonly TrafficTurn[]): Promise<void> {
    for (const turn of turns) this.at(turn.atMs, () => this.#come(turn, 0));
    await runInDurableObject(this.scenario.wallet, async (wallet) => {
      this.#wallet = wallet as Wallet;
      for (let due = this.#due.take(); due; due = this.#due.take()) {
        this.#nowMs = Math.max(this.#nowMs, due.atMs);
        this.#setClock(this.#nowMs);
        await due.act();
      }
    });
    await drain(this.scenario.wallet);
  }

  get wallet(): Wallet {
    if (!this.#wallet) throw new Error('nobody is at work');
    return this.#wallet;
  }

  async #come(turn: TrafficTurn, tries: number): Promise<void> {
    if ((this.#endedUntil.get(turn.session) ?? 0) > this.#nowMs) return;
    const id = tries === 0 ? turn.id : `${turn.id}/again-${tries}`;
    const reply = await this.wallet.open({
      turnId: id,
      costCenter: this.scenario.id,
      keyId: this.keyOf(turn.developer),
      receivedAtMs: this.#nowMs,
      facts: toTurnFacts(turn),
    });
    this.#answered(turn, id, 1, tries, reply);
  }

  #answered(turn: TrafficTurn, id: string, attempt: number, tries: number, reply: OpenReply): void {
    if (reply.status === 'refused') {
      this.#refused(turn, tries, reply.refusal);
      return;
    }
    if (reply.status !== 'admitted') throw new Error(`${id}: ${reply.status}`);
    this.decided.set(turn.id, { kind: reply.decision, model: reply.model });
    const model = findModel(builtinCatalogue, reply.model);
    if (!model) throw new RangeError(`no model ${reply.model}`);
    const random = new Random(`incident ${turn.id} ${attempt}`);
    if (reply.decision !== 'proceed' && attempt === 1 && random.chance(this.#incidents.failing)) {
      this.at(this.#nowMs + 400, async () => {
        const cause = { kind: 'model_refused' as const, remember: random.chance(0.1) };
        const anew = await this.wallet.reopen({ turnId: id, attempt, cause });
        this.#answered(turn, id, attempt + 1, tries, anew);
      });
      return;
    }
    const usage = this.#world.serve(turn, model, this.#nowMs);
    const open: OpenTurn = { turn, id, attempt, usage, model };
    this.#open.set(id, open);
    if (random.chance(this.#incidents.lost)) this.#lose(open, random.chance(0.5));
    else this.at(this.#nowMs + answerMs(turn, model), () => this.#settle(open));
  }

  #refused(
    turn: TrafficTurn,
    tries: number,
    refusal: { retryable: boolean; retryAfterSeconds: number | null; why: string },
  ): void {
    this.decided.set(turn.id, { kind: 'refuse', model: null });
    if (refusal.retryable) {
      const backMs = this.#nowMs + (refusal.retryAfterSeconds ?? 2) * 1_000;
      if (tries < MAX_RETRIES) this.at(backMs, () => this.#come(turn, tries + 1));
    } else if (refusal.why === 'budget') {
      const { retryAfterSeconds: seconds } = refusal;
      this.#endedUntil.set(
        turn.session,
        seconds === null ? Number.POSITIVE_INFINITY : this.#nowMs + seconds * 1_000,
      );
    }
  }

  /** Nobody renews this one's lease; the others are renewed before the alarm looks. */
  #lose(lost: OpenTurn, reportsLate: boolean): void {
    this.at(this.#nowMs + LEASE_MS, async () => {
      this.#open.delete(lost.id);
      const { wallet } = this;
      for (const { id, attempt } of this.#open.values()) {
        await wallet.renew({ turnId: id, attempt, progress: { usage: null, outputTokens: 10 } });
      }
      await wallet.alarm();
    });
    if (reportsLate) this.at(this.#nowMs + 4 * LEASE_MS, () => this.#settle(lost));
  }

  async #settle(open: OpenTurn): Promise<void> {
    const { id, attempt } = open;
    this.#open.delete(id);
    const reply = await this.wallet.settle({
      turnId: id,
      attempt,
      outcome: outcomeOf(open),
      answer: ANSWER,
    });
    if (reply.status !== 'settled') throw new Error(`${id}: ${reply.status}`);
  }
}

function outcomeOf({ turn, usage, model }: OpenTurn): Outcome {
  if (!usage) return { kind: 'failed' };
  if (turn.leftAfter === null) return { kind: 'completed', usage };
  const outputTokens = tokensOn(model, outputUntilLeft(turn));
  return { kind: 'broken_off', why: 'client_gone', progress: { usage, outputTokens } };
}
