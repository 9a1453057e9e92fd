/** Frames held against an implementation that is not ours, and the table of checksums with them. */
import { EventStreamCodec } from '@smithy/eventstream-codec';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventStreamWriter } from '../../worker/providers/event-stream.ts';

const codec = new EventStreamCodec(
  (bytes) => new TextDecoder().decode(bytes as Uint8Array),
  (text) => new TextEncoder().encode(text),
);

function text(value: string): { type: 'string'; value: string } {
  return { type: 'string', value };
}

/** The frames as the other implementation writes them, for bytes that are any at all. */
function expected(data: Uint8Array): Uint8Array {
  return codec.encode({
    headers: {
      ':event-type': text('chunk'),
      ':content-type': text('application/json'),
      ':message-type': text('event'),
    },
    body: new TextEncoder().encode(JSON.stringify({ bytes: btoa(String.fromCharCode(...data)) })),
  });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe('an event stream', () => {
  test('has the frames that another implementation writes, whatever the bytes and however many', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 }), (chunks) => {
        const writer = new EventStreamWriter();
        for (const data of chunks) writer.chunk(data);
        const taken = writer.take() ?? new Uint8Array(0);
        expect(taken).toEqual(joined(chunks.map(expected)));
        expect(writer.take()).toBeNull();
      }),
    );
  });

  test('ends in an exception that the other implementation reads, in any language', () => {
    const writer = new EventStreamWriter();
    writer.exception('throttlingException', { message: 'Zu viele Anfragen – später' });
    const { headers, body } = codec.decode(writer.take() ?? new Uint8Array(0));
    expect(headers[':exception-type']).toEqual(text('throttlingException'));
    expect(headers[':message-type']).toEqual(text('exception'));
    expect(JSON.parse(new TextDecoder().decode(body))).toEqual({ message: 'Zu viele Anfragen – später' });
  });

  test('keeps what was taken as it was', () => {
    const writer = new EventStreamWriter();
    writer.chunk(Uint8Array.of(1));
    const first = writer.take();
    writer.chunk(Uint8Array.of(2));
    expect(first).toEqual(expected(Uint8Array.of(1)));
  });
});
