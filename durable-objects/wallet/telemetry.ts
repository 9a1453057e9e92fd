/**
 * Spans of entries that D1 has taken, on their way to a collector, beside the ledger and never before it
 * (docs/decisions/0013). The queue is memory: it is bounded, and what it cannot keep is lost and counted. The
 * counts are stored with what caused them, so that a restart, which loses the queue, counts it.
 */
import type { OtlpDestination } from '../core/otlp-destination.ts';
import type { Entry } from '../ledger/entry.ts';
import { toSpan, toTracesBody } from '../ledger/span.ts';

/** About 4 MB of spans at the very most. */
const QUEUE_SPANS = 1_000;
const BATCH_SPANS = 200;
/** A collector that has not answered by then is away. */
const SEND_TIMEOUT_MS = 5_000;
/** A batch is given up after this many tries. */
const TRIES = 4;
const FIRST_RETRY_MS = 2_000;
/** Answers after which OTLP/HTTP has a client try again; all other errors are final. */
const RETRYABLE = [429, 502, 503, 504];
const ANSWER_BYTES = 65_536;

export interface TelemetryCounts {
  sent: number;
  lost: number;
}

type Sending = 'taken' | 'later' | { lost: number };

interface CountsRow extends Record<string, SqlStorageValue> {
  queued: number;
  sent: number;
  lost: number;
}

export class Telemetry {
  readonly #sql: SqlStorage;
  #queue: string[] = [];
  #isSending = false;
  #tries = 0;
  #notBeforeMs = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    // What was queued when the object went is gone.
    if (this.#row().queued > 0) sql.exec('UPDATE telemetry SET lost = lost + queued, queued = 0');
  }

  counts(): TelemetryCounts {
    const { sent, lost } = this.#row();
    return { sent, lost };
  }

  /** When to send next, epoch ms; null with nothing to send, or while a batch is under way. */
  dueMs(): number | null {
    return this.#queue.length === 0 || this.#isSending ? null : this.#notBeforeMs;
  }

  /** Queues the spans of entries (JSON, as D1 took them). Where there is no room the newest are lost. */
  take(documents: readonly string[]): void {
    const room = Math.max(0, QUEUE_SPANS - this.#queue.length);
    const taken = documents.slice(0, room).flatMap(toSpanJson);
    if (documents.length === 0) return;
    this.#queue.push(...taken);
    const lost = documents.length - taken.length;
    this.#sql.exec('UPDATE telemetry SET queued = queued + ?, lost = lost + ?', taken.length, lost);
  }

  /**
   * Sends one batch, if there is one and its time has come; never rejects. Nobody who waits for a lease or the
   * ledger may wait for this.
   */
  async send(destination: OtlpDestination, now: () => number): Promise<void> {
    const dueMs = this.dueMs();
    if (dueMs === null || dueMs > now()) return;
    this.#isSending = true;
    const batch = this.#queue.slice(0, BATCH_SPANS);
    const answer = await post(destination, toTracesBody(batch));
    this.#isSending = false;
    this.#tries += 1;
    if (answer === 'later' && this.#tries < TRIES) {
      this.#notBeforeMs = now() + FIRST_RETRY_MS * 2 ** (this.#tries - 1);
      return;
    }
    const lost = answer === 'taken' ? 0 : Math.min(answer === 'later' ? Infinity : answer.lost, batch.length);
    this.#queue.splice(0, batch.length);
    this.#tries = 0;
    this.#sql.exec(
      'UPDATE telemetry SET queued = queued - ?, sent = sent + ?, lost = lost + ?',
      batch.length,
      batch.length - lost,
      lost,
    );
    if (lost > 0) console.warn({ message: 'the collector did not take spans', lost });
  }

  #row(): CountsRow {
    return this.#sql.exec<CountsRow>('SELECT queued, sent, lost FROM telemetry').one();
  }
}

/** None of a document that makes no span: the ledger has it, and telemetry must not stop for it. */
function toSpanJson(document: string): string[] {
  try {
    return [JSON.stringify(toSpan(JSON.parse(document) as Entry))];
  } catch (error) {
    console.warn({ message: 'an entry makes no span', error: String(error) });
    return [];
  }
}

async function post({ url, headers }: OtlpDestination, body: string): Promise<Sending> {
  // A timer of its own, because one that goes on after the answer keeps the object from being put to rest.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), SEND_TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
      // A redirect would carry the credentials elsewhere.
      redirect: 'manual',
      signal: late.signal,
    });
    if (response.ok) return await rejectedOf(response);
    await response.body?.cancel();
    return RETRYABLE.includes(response.status) ? 'later' : { lost: Infinity };
  } catch {
    return 'later';
  } finally {
    clearTimeout(timer);
  }
}

/** A collector may take a part: `{"partialSuccess": {"rejectedSpans": "3"}}`. Other answers mean all of it. */
async function rejectedOf(response: Response): Promise<Sending> {
  if (Number(response.headers.get('content-length') ?? 0) > ANSWER_BYTES) {
    await response.body?.cancel();
    return 'taken';
  }
  const [, rejected = '0'] = /"rejectedSpans"\s*:\s*"?(\d+)/.exec(await response.text()) ?? [];
  return Number(rejected) === 0 ? 'taken' : { lost: Number(rejected) };
}
