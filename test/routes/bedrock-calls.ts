/** Calls in the terms of Bedrock, and frames read by an implementation that is not ours. */
import { EventStreamCodec } from '@smithy/eventstream-codec';
import type { Gateway } from '../turn/gateway.ts';

export const MODEL = 'us.anthropic.claude-opus-5-5';
export const VERSION = { anthropic_version: 'bedrock-2023-05-31' };
export const PROMPT = { max_tokens: 1_000, messages: [{ role: 'user', content: 'say hi' }] };

const codec = new EventStreamCodec(
  (bytes) => new TextDecoder().decode(bytes as Uint8Array),
  (text) => new TextEncoder().encode(text),
);

export type Operation = 'invoke' | 'invoke-with-response-stream' | 'count-tokens';

/** A call of one of the operations with the gateway's key. */
export async function invoke(
  bursar: Gateway,
  operation: Operation,
  body: object | string = { ...VERSION, ...PROMPT },
  { model = encodeURIComponent(MODEL), headers = {}, signal }: InvokeOptions = {},
): Promise<Response> {
  return await bursar.call(`/model/${model}/${operation}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${bursar.key}`,
      'content-type': 'application/json',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

interface InvokeOptions {
  /** As it stands in the path. */
  model?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The events of a stream, exceptions by their type. */
export async function eventsOf(response: Response): Promise<Record<string, unknown>[]> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const events: Record<string, unknown>[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = new DataView(bytes.buffer, at).getUint32(0);
    const { headers, body } = codec.decode(bytes.subarray(at, at + length));
    const payload = JSON.parse(new TextDecoder().decode(body));
    const exception = headers[':exception-type']?.value;
    events.push(exception === undefined ? JSON.parse(atob(payload.bytes)) : { exception, ...payload });
    at += length;
  }
  return events;
}
