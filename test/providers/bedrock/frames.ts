/**
 * Frames of Bedrock's event stream as the service sends them, encoded by AWS's own codec: what the gateway decodes is
 * never encoded by anything of the project's.
 */
import { EventStreamCodec } from '@smithy/eventstream-codec';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const codec = new EventStreamCodec(
  (bytes) => decoder.decode(typeof bytes === 'string' ? encoder.encode(bytes) : bytes),
  (text) => encoder.encode(text),
);

function frame(headers: Record<string, string>, body: Uint8Array): Uint8Array {
  const named = Object.entries(headers).map(
    ([name, value]) => [name, { type: 'string' as const, value }] as const,
  );
  return codec.encode({ headers: Object.fromEntries(named), body });
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...encoder.encode(text)));
}

/** One event of the answer. `p` is the padding the service adds, of another length each time. */
export function chunkFrame(event: object | string, padding = 'abcdefghijk'): Uint8Array {
  const text = typeof event === 'string' ? event : JSON.stringify(event);
  return payloadFrame(JSON.stringify({ bytes: base64(text), p: padding }));
}

/** The same event in a payload that is written in another way. */
export function oddFrame(event: object): Uint8Array {
  return payloadFrame(`{ "p": "abc",\n "bytes": "${base64(JSON.stringify(event)).replaceAll('/', '\\/')}" }`);
}

/** A chunk with this payload. */
export function payloadFrame(payload: string): Uint8Array {
  return frame(
    { ':event-type': 'chunk', ':content-type': 'application/json', ':message-type': 'event' },
    encoder.encode(payload),
  );
}

export type ExceptionName =
  | 'throttlingException'
  | 'validationException'
  | 'modelStreamErrorException'
  | 'modelTimeoutException'
  | 'internalServerException'
  | 'serviceUnavailableException';

/** An exception in a stream that began well. */
export function exceptionFrame(name: ExceptionName | string, message: string): Uint8Array {
  return frame(
    { ':exception-type': name, ':content-type': 'application/json', ':message-type': 'exception' },
    encoder.encode(JSON.stringify({ message })),
  );
}

/** An error the service has no shape for: code and message stand in the headers. */
export function errorFrame(code: string, message: string): Uint8Array {
  return frame(
    { ':error-code': code, ':error-message': message, ':message-type': 'error' },
    new Uint8Array(0),
  );
}

/** A chunk without the one thing a chunk is for. */
export function bytelessFrame(): Uint8Array {
  return frame({ ':event-type': 'chunk', ':message-type': 'event' }, encoder.encode('{"p":"abc"}'));
}

/** A frame of a kind that nobody knows yet. */
export function unknownFrame(): Uint8Array {
  return frame({ ':event-type': 'weather', ':message-type': 'event' }, encoder.encode('{"rain":true}'));
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
