/**
 * Meters a streamed Messages answer. Four kinds of events a turn are parsed (start, block starts, delta, error);
 * the many `content_block_delta` are only measured, by the length of their line. What an upstream sends can make
 * a reading incomplete but never makes the meter throw.
 */

import { measureDelta } from './delta-line.ts';
import { hasContent, type MessageEvent, readMessageEvent } from './message-event.ts';
import { toUsage, type UsageReport, updateReport } from './message-usage.ts';
import type { Meter, MeterReading } from './provider.ts';
import { Silence } from './silence.ts';
import { SseLines } from './sse-lines.ts';

/** Events of no interest that are told by their name. */
const UNREAD = new Set(['ping', 'message_stop']);

export class StreamMeter implements Meter {
  readonly #lines = new SseLines((name, data, length) => this.#hear(name, data, length));
  readonly #decoder = new TextDecoder();
  readonly #silence = new Silence();
  #nowMs = 0;
  #report: UsageReport | null = null;
  #final = false;
  #model: string | null = null;
  #messageId: string | null = null;
  #stopReason: string | null = null;
  #outputCharacters = 0;
  #contentSeen = false;
  #thinking = false;
  #error: MeterReading['error'] = null;

  push(chunk: Uint8Array, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#lines.push(chunk);
  }

  end(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#lines.end();
    this.#silence.turn('none', nowMs);
  }

  read(nowMs: number): MeterReading {
    const usage = this.#report ? toUsage(this.#report, this.#model) : null;
    return {
      usage,
      final: this.#final && usage !== null,
      stopReason: this.#stopReason,
      messageId: this.#messageId,
      outputCharacters: this.#outputCharacters,
      contentSeen: this.#contentSeen,
      silentMs: this.#silence.total(nowMs),
      error: this.#error,
    };
  }

  #hear(name: string | null, data: Uint8Array | null, length: number): void {
    if (name === 'content_block_delta') this.#measure(data, length);
    // A block's start too long to be read holds a server tool's results: content, but not the model's output.
    else if (data === null) this.#contentSeen ||= name === 'content_block_start';
    else if (name === null || !UNREAD.has(name)) {
      const event = readMessageEvent(this.#decoder.decode(data));
      if (event?.type === 'content_block_delta') this.#measure(data, length);
      else if (event) this.#take(event);
    }
  }

  #measure(data: Uint8Array | null, length: number): void {
    this.#outputCharacters += measureDelta(data, length);
    this.#contentSeen = true;
    this.#silence.turn(this.#thinking ? 'long' : 'none', this.#nowMs);
  }

  #take(event: Exclude<MessageEvent, { type: 'content_block_delta' }>): void {
    switch (event.type) {
      case 'message_start':
        // Iterations of an unfinished message would hide its output from the price: see updateReport.
        this.#report = event.message.usage && { ...event.message.usage, iterations: null };
        this.#model = event.message.model;
        this.#messageId = event.message.id;
        this.#silence.turn('whole', this.#nowMs);
        return;
      case 'content_block_start':
        this.#contentSeen ||= hasContent(event.content_block);
        this.#thinking = event.content_block.type === 'thinking';
        this.#silence.turn(this.#thinking ? 'whole' : 'none', this.#nowMs);
        return;
      case 'content_block_stop':
      case 'message_stop':
        this.#silence.turn('none', this.#nowMs);
        return;
      case 'message_delta':
        this.#finish(event.usage, event.delta.stop_reason);
        return;
      case 'error':
        this.#error = event.error;
        this.#silence.turn('none', this.#nowMs);
        return;
      default:
        event satisfies never;
    }
  }

  #finish(usage: UsageReport | null, stopReason: string | null): void {
    this.#silence.turn('none', this.#nowMs);
    this.#stopReason = stopReason ?? this.#stopReason;
    if (!usage) return;
    this.#report = this.#report ? updateReport(this.#report, usage) : usage;
    this.#final ||= usage.output_tokens !== null;
  }
}
