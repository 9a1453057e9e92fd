/**
 * Meters a Messages answer that is not streamed: one JSON document, read when it is complete. While it is on its
 * way only its length is known; since such an answer is sent after the model has finished, that length stands
 * for the output until then. A document over 32 MB is not read: its usage stays unknown.
 */
import { z } from 'zod';
import { ByteBuffer } from './byte-buffer.ts';
import { errorEnvelope, messageHead, parseJson } from './message-event.ts';
import { label, toUsage } from './message-usage.ts';
import type { Meter, MeterReading } from './provider.ts';

export const MAX_BODY_BYTES = 32 * 1_048_576;

const block = z.looseObject({ type: z.string().catch('') }).catch({ type: '' });
const messageBody = messageHead.extend({ stop_reason: label, content: z.array(block).catch([]) });

const UNREAD: MeterReading = {
  usage: null,
  final: false,
  stopReason: null,
  messageId: null,
  outputCharacters: 0,
  contentSeen: false,
  silentMs: 0,
  error: null,
};

export class BodyMeter implements Meter {
  readonly #body = new ByteBuffer(MAX_BODY_BYTES);
  #complete: MeterReading | null = null;

  push(chunk: Uint8Array): void {
    this.#body.append(chunk);
  }

  end(): void {
    const bytes = this.#body.view();
    this.#complete = bytes && readBody(parseJson(new TextDecoder().decode(bytes)));
  }

  read(): MeterReading {
    const length = this.#body.length;
    return this.#complete ?? { ...UNREAD, outputCharacters: length, contentSeen: length > 0 };
  }
}

/** Null where it is not a JSON object: then nothing is known but its length. */
function readBody(body: unknown): MeterReading | null {
  const failure = errorEnvelope.safeParse(body);
  if (failure.success) return { ...UNREAD, error: failure.data.error };
  const message = messageBody.safeParse(body).data;
  if (!message) return null;
  const usage = message.usage && toUsage(message.usage, message.model);
  const outputCharacters = message.content.reduce((sum, each) => sum + countCharacters(each), 0);
  return {
    ...UNREAD,
    usage,
    final: usage !== null && message.usage?.output_tokens !== null,
    stopReason: message.stop_reason,
    messageId: message.id,
    outputCharacters,
    contentSeen: message.content.some((each) => each.type !== 'text' || countCharacters(each) > 0),
  };
}

/** Characters of text, thinking or tool input; the same that a stream would have carried in its deltas. */
function countCharacters(content: z.infer<typeof block>): number {
  if (content.type === 'text') return lengthOf(content.text);
  if (content.type === 'thinking') return lengthOf(content.thinking);
  return content.input === undefined ? 0 : JSON.stringify(content.input).length;
}

function lengthOf(text: unknown): number {
  return typeof text === 'string' ? text.length : 0;
}
