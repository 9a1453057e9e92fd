/**
 * The events of a streamed Messages answer that tell something about its cost. JSON that is malformed, of
 * another shape or of no interest is null: metering never gets in an answer's way.
 */
import { z } from 'zod';
import { label, usageReport } from './message-usage.ts';

const MAX_ERROR_MESSAGE = 1000;

const report = usageReport.nullable().catch(null);

/** The `message` of `message_start`, and the whole of an answer that is not streamed. */
export const messageHead = z.object({ id: label, model: label, usage: report });

/** The body of every error, in a stream and out of it. */
export const errorEnvelope = z.object({
  type: z.literal('error'),
  error: z.object({
    type: z.string().max(256).catch('unknown'),
    message: z
      .string()
      .transform((text) => text.slice(0, MAX_ERROR_MESSAGE))
      .catch(''),
  }),
});

const contentBlock = z.object({ type: z.string(), text: z.string().optional().catch(undefined) });

const messageEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message_start'), message: messageHead }),
  z.object({ type: z.literal('content_block_start'), content_block: contentBlock }),
  z.object({ type: z.literal('content_block_delta') }),
  z.object({ type: z.literal('content_block_stop') }),
  z.object({
    type: z.literal('message_delta'),
    delta: z.object({ stop_reason: label }).catch({ stop_reason: null }),
    usage: report,
  }),
  z.object({ type: z.literal('message_stop') }),
  errorEnvelope,
]);

export type MessageEvent = z.infer<typeof messageEvent>;

/** Reads one event's data; null where it is not an event this knows. */
export function readMessageEvent(text: string): MessageEvent | null {
  return messageEvent.safeParse(parseJson(text)).data ?? null;
}

/** `JSON.parse` with undefined for what is not JSON (which JSON itself cannot be). */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a block is output by its mere start: all are but a text block, which may stay empty. */
export function hasContent(block: z.infer<typeof contentBlock>): boolean {
  return block.type !== 'text' || (block.text ?? '') !== '';
}
