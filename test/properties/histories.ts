/** What the threads of a world have been answered so far: holds are estimated from it. */
import { FIRST_OUTPUT_TOKENS } from '../../durable-objects/core/estimate.ts';
import { nextHistory, type SessionHistory } from '../../durable-objects/core/history.ts';
import { promptTokens } from '../../durable-objects/core/usage.ts';
import type { OpenRequest, SettleRequest } from '../../durable-objects/wallet/rpc.ts';
import type { Turn } from './reference-turn.ts';

export class Histories {
  readonly #byThread = new Map<string, SessionHistory>();

  of(thread: string): SessionHistory | null {
    return this.#byThread.get(thread) ?? null;
  }

  /** The session is over. */
  forget(session: string): void {
    for (const thread of this.#byThread.keys())
      if (thread.startsWith(`${session} `)) this.#byThread.delete(thread);
  }

  /** A turn was settled for the first time; only exact figures of a prompt that was seen teach anything. */
  settled(
    { ask, quote }: Turn,
    { turnId, outcome }: SettleRequest,
    requests: readonly OpenRequest[],
    nowMs: number,
  ): void {
    const request = requests.find((each) => each.turnId === turnId);
    if (outcome.kind !== 'completed' || !request || !quote) return;
    const { tokens } = outcome.usage;
    if (promptTokens(tokens) === 0) return;
    const { bodyBytes, kind, cacheTtl } = request.facts;
    const next = nextHistory(this.of(ask.thread), {
      model: quote.model,
      tokenizer: 'new',
      tokens,
      bodyBytes,
      kind,
      cacheTtl,
      firstOutputTokens: FIRST_OUTPUT_TOKENS[kind],
      atMs: nowMs,
    });
    this.#byThread.set(ask.thread, next);
  }
}
