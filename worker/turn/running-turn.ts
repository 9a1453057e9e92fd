/**
 * A turn between its hold and its settlement: keeps the lease alive with what was seen so far, and settles
 * exactly once, however the turn ends.
 */
import { LIST_MILLIONTHS } from '../../durable-objects/core/provider-settings.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { AnswerFacts, Outcome, WalletRpc } from '../../durable-objects/wallet/rpc.ts';
import type { Meter, Provider } from '../providers/provider.ts';
import type { Ending } from './answer-meter.ts';
import { lastWords } from './last-words.ts';
import { type Call, outcomeOf, progressOf } from './outcome.ts';
import { callWallet } from './wallet-call.ts';

/** The lease is 30 s (wallet/open); a renewal that comes late or is lost once is made good by the next. */
const RENEW_EVERY_MS = 20_000;
/** A Worker lives about 30 s after its client is gone: settling must be through by then. */
const SETTLE_LIMIT_MS = 25_000;

export interface RunningTurnOptions {
  turnId: string;
  /** From 1; a report of another attempt than the wallet's present one is a conflict. */
  attempt: number;
  facts: TurnFacts;
  model: string;
  anthropicVersion: string;
  /** A fresh stub each time: one that met an error answers nothing any more. */
  wallet: () => WalletRpc;
}

export class RunningTurn {
  readonly turnId: string;
  /** Resolves when the turn is settled, or its lease has to do it. Never rejects. */
  readonly settled: Promise<void>;
  readonly #options: RunningTurnOptions;
  readonly #answer: AnswerFacts;
  readonly #resolveSettled: () => void;
  #sentAtMs = Date.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #meter: Meter | null = null;
  #isOver = false;
  #isUndecided = false;
  /** What is charged where the attempt is given up. */
  #givenUp: Outcome | null = null;

  constructor(options: RunningTurnOptions) {
    this.turnId = options.turnId;
    this.#options = options;
    this.#answer = {
      provider: null,
      providerInstance: null,
      priceMillionths: LIST_MILLIONTHS,
      upstreamCredential: null,
      anthropicVersion: options.anthropicVersion,
      firstByteAtMs: null,
      lastByteAtMs: null,
      httpStatus: null,
      errorType: null,
      stopReason: null,
      upstreamRequestId: null,
      responseBytes: 0,
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    this.settled = promise;
    this.#resolveSettled = resolve;
    this.#timer = setInterval(() => void this.#renew(), RENEW_EVERY_MS);
  }

  /** The turn goes to a provider: the first, or the next one where others had trouble that nobody bills. */
  sentTo({ name, id, priceMillionths, credentialId }: Provider): void {
    this.#sentAtMs = Date.now();
    const asked = { provider: name, providerInstance: id, priceMillionths, upstreamCredential: credentialId };
    Object.assign(this.#answer, asked);
  }

  /** Whether any provider was asked. */
  get isSent(): boolean {
    return this.#answer.provider !== null;
  }

  /** The provider is given up before its answer began, and bills what it has read: what to charge for it. */
  givenUp(): { outcome: Outcome; answer: AnswerFacts } {
    const progress = progressOf(this.#call(), Date.now());
    this.#givenUp = { kind: 'broken_off', why: 'first_byte_late', progress };
    return { outcome: this.#givenUp, answer: { ...this.#answer, errorType: 'first_byte_late' } };
  }

  /** The upstream's head arrived. `meter` is null for an error, whose body has no usage. */
  headArrived(response: Response, meter: Meter | null): void {
    this.#answer.httpStatus = response.status;
    this.#answer.upstreamRequestId = response.headers.get('request-id');
    this.#meter = meter;
  }

  /** A chunk of the answer passed. */
  seen(chunk: Uint8Array): void {
    const nowMs = Date.now();
    this.#answer.firstByteAtMs ??= nowMs;
    this.#answer.lastByteAtMs = nowMs;
    this.#answer.responseBytes += chunk.byteLength;
    this.#meter?.push(chunk, nowMs);
  }

  /** The answer ended, or the call did before it had one. */
  ended(ending: Ending): void {
    if (ending === 'complete') this.#meter?.end(Date.now());
    const call = this.#call();
    this.#answer.stopReason = call.reading?.stopReason ?? null;
    this.#answer.errorType ??= call.reading?.error?.type ?? (ending === 'complete' ? null : ending);
    this.#settle(outcomeOf(call, ending, Date.now()));
  }

  /** An answer in one piece has no place for them, and is no JSON when it is cut. */
  lastWords(): Uint8Array | null {
    return this.#options.facts.stream ? lastWords(this.#call().reading) : null;
  }

  /** The upstream answered with an error, or not at all, or was never called: nothing was billed, unless it was given up. */
  failed(errorType: string): void {
    this.#answer.errorType = errorType;
    const outcome = this.#givenUp ?? { kind: 'failed' as const };
    this.#settle({ ...outcome, ...(this.#isUndecided ? { undecided: true } : {}) });
  }

  /** The wallet was asked to decide anew and was not heard: it may hold money for an attempt that is never sent. */
  undecided(): void {
    this.#isUndecided = true;
  }

  /** The wallet has decided over the turn anew: another attempt settles it. */
  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#resolveSettled();
  }

  #call(): Call {
    const { facts, model } = this.#options;
    return { facts, model, sentAtMs: this.#sentAtMs, reading: this.#meter?.read(Date.now()) ?? null };
  }

  async #renew(): Promise<void> {
    const progress = progressOf(this.#call(), Date.now());
    const request = { turnId: this.turnId, attempt: this.#options.attempt, progress };
    // A renewal that is lost is made good by the next one, or by the settlement.
    await callWallet(() => this.#options.wallet().renew(request), RENEW_EVERY_MS / 2);
  }

  #settle(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    const request = {
      turnId: this.turnId,
      attempt: this.#options.attempt,
      outcome,
      answer: { ...this.#answer },
    };
    void callWallet(() => this.#options.wallet().settle(request), SETTLE_LIMIT_MS).then((reply) => {
      if (reply?.status !== 'settled') {
        console.error({
          message: 'a turn was not settled',
          turn: this.turnId,
          reply: reply?.status ?? 'no answer',
        });
      }
      this.#resolveSettled();
    });
  }
}
