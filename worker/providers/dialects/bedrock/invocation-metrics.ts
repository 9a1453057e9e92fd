/** What Bedrock tells of an invocation beside its answer: tokens and times. */
import { z } from 'zod';
import { messageHead, parseJson } from '../../message-event.ts';
import { type UsageReport, updateReport, usageReport } from '../../message-usage.ts';

const FIELD = 'amazon-bedrock-invocationMetrics';

const started = z.object({ message: messageHead });
const answered = z.object({ usage: usageReport });

/** Tokens and times of one invocation, from the events that tell of them. Times are epoch ms. */
export class InvocationMetrics {
  readonly #startedAtMs: number;
  #firstByteAtMs: number | null = null;
  #usage: UsageReport | null = null;

  constructor(startedAtMs: number) {
    this.#startedAtMs = startedAtMs;
  }

  /** The first event. */
  began(data: string, nowMs: number): void {
    this.#firstByteAtMs ??= nowMs;
    this.#usage = started.safeParse(parseJson(data)).data?.message.usage ?? null;
  }

  /** A `message_delta`, or a whole answer that was not streamed. */
  counted(data: string): void {
    const usage = answered.safeParse(parseJson(data)).data?.usage;
    if (usage) this.#usage = this.#usage ? updateReport(this.#usage, usage) : usage;
  }

  /** The `message_stop` with the metrics in it, as it is where it has some already. */
  stopped(data: string, nowMs: number): string {
    const event = z.record(z.string(), z.unknown()).safeParse(parseJson(data)).data;
    if (!event || FIELD in event) return data;
    const { input_tokens: input, output_tokens: output } = this.#usage ?? {};
    const metrics = {
      inputTokenCount: input ?? 0,
      outputTokenCount: output ?? 0,
      invocationLatency: nowMs - this.#startedAtMs,
      firstByteLatency: (this.#firstByteAtMs ?? nowMs) - this.#startedAtMs,
      ...this.#cacheCounts(),
    };
    return JSON.stringify({ ...event, [FIELD]: metrics });
  }

  /** The same for an answer in one piece, as headers. */
  headers(nowMs: number): Record<string, string> {
    const counts = {
      'input-token-count': this.#usage?.input_tokens,
      'output-token-count': this.#usage?.output_tokens,
      'cache-read-input-token-count': this.#usage?.cache_read_input_tokens,
      'cache-write-input-token-count': this.#usage?.cache_creation_input_tokens,
      'invocation-latency': nowMs - this.#startedAtMs,
    };
    const known = Object.entries(counts).filter(([, count]) => count != null);
    return Object.fromEntries(known.map(([name, count]) => [`x-amzn-bedrock-${name}`, String(count)]));
  }

  #cacheCounts(): Record<string, number> {
    const { cache_read_input_tokens: read, cache_creation_input_tokens: written } = this.#usage ?? {};
    return {
      ...(read == null ? {} : { cacheReadInputTokenCount: read }),
      ...(written == null ? {} : { cacheWriteInputTokenCount: written }),
    };
  }
}
