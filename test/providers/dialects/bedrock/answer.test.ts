/** Answers and errors of the Messages API as Bedrock gives them. */
import { EventStreamCodec } from '@smithy/eventstream-codec';
import { describe, expect, test } from 'vitest';
import { toEventStream } from '../../../../worker/providers/dialects/bedrock/answer-stream.ts';
import { countedAnswer } from '../../../../worker/providers/dialects/bedrock/count-tokens.ts';
import {
  exceptionOf,
  readError,
  streamException,
} from '../../../../worker/providers/dialects/bedrock/exception.ts';
import { InvocationMetrics } from '../../../../worker/providers/dialects/bedrock/invocation-metrics.ts';

const codec = new EventStreamCodec(
  (bytes) => new TextDecoder().decode(bytes as Uint8Array),
  (text) => new TextEncoder().encode(text),
);

/** The frames of a stream: a chunk's event as text, or an exception by its type and message. */
function framesOf(bytes: Uint8Array): string[] {
  const frames: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0);
    const { headers, body } = codec.decode(bytes.subarray(at, at + length));
    const payload = JSON.parse(new TextDecoder().decode(body));
    const exception = headers[':exception-type']?.value;
    const data = exception === undefined ? atob(payload.bytes) : `${exception}: ${payload.message}`;
    frames.push(new TextDecoder().decode(Uint8Array.from(data, (character) => character.charCodeAt(0))));
    at += length;
  }
  return frames;
}

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

async function framed(chunks: readonly Uint8Array[]): Promise<string[]> {
  const stream = toEventStream(streamOf(chunks), new InvocationMetrics(Date.now()));
  return framesOf(new Uint8Array(await new Response(stream).arrayBuffer()));
}

function sse(...events: readonly object[]): Uint8Array {
  const lines = events.map((event) => {
    const type = 'type' in event ? event.type : '';
    return `event: ${type}\ndata: ${JSON.stringify(event)}\n\n`;
  });
  return new TextEncoder().encode(lines.join(''));
}

const START = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    model: 'm',
    usage: { input_tokens: 7, output_tokens: 1, cache_read_input_tokens: 3, cache_creation_input_tokens: 0 },
  },
};
const DELTA = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'grün' } };
const END = { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 5 } };
const STOP = { type: 'message_stop' };

describe('a streamed answer', () => {
  test('is the same events in frames, pings included, wherever it is cut', async () => {
    const events = [START, { type: 'ping' }, DELTA, END];
    const whole = sse(...events);
    for (let size = 1; size < 40; size += 3) {
      const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
        whole.subarray(index * size, (index + 1) * size),
      );
      expect(await framed(pieces)).toEqual(events.map((event) => JSON.stringify(event)));
    }
  });

  test('ends with what the invocation took', async () => {
    const frames = await framed([sse(START, DELTA, END, STOP)]);
    expect(JSON.parse(frames.at(-1) ?? '')).toEqual({
      type: 'message_stop',
      'amazon-bedrock-invocationMetrics': {
        inputTokenCount: 7,
        outputTokenCount: 5,
        cacheReadInputTokenCount: 3,
        cacheWriteInputTokenCount: 0,
        invocationLatency: expect.any(Number),
        firstByteLatency: expect.any(Number),
      },
    });
  });

  test('keeps Bedrock’s own metrics', async () => {
    const stop = { type: 'message_stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 1 } };
    expect((await framed([sse(START, stop)])).at(-1)).toBe(JSON.stringify(stop));
  });

  test.each([
    ['overloaded_error', 'serviceUnavailableException'],
    ['rate_limit_error', 'throttlingException'],
    ['invalid_request_error', 'validationException'],
    ['timeout_error', 'modelTimeoutException'],
    ['api_error', 'internalServerException'],
    ['something_new', 'internalServerException'],
  ])('that fails with %s ends in a %s', async (type, exception) => {
    const error = { type: 'error', error: { type, message: 'Not now' } };
    expect(await framed([sse(START, error, DELTA)])).toEqual([
      JSON.stringify(START),
      `${exception}: Not now`,
    ]);
    expect(streamException(type)).toBe(exception);
  });

  test('passes an event of a megabyte and more', async () => {
    const long = { type: 'content_block_start', content_block: { text: 'x'.repeat(1_500_000) } };
    const bytes = sse(long);
    const cut = [bytes.subarray(0, 700_000), bytes.subarray(700_000)];
    expect(await framed(cut)).toEqual([JSON.stringify(long)]);
  });

  test('that is longer than any event ends in an exception, and nothing is kept of it', async () => {
    const piece = new TextEncoder().encode('x'.repeat(1_048_576));
    const begin = new TextEncoder().encode('event: content_block_start\ndata: ');
    const end = new TextEncoder().encode('\n\n');
    const frames = await framed([begin, ...Array.from({ length: 9 }, () => piece), end, sse(DELTA)]);
    expect(frames).toEqual(['modelStreamErrorException: an event is longer than 8388608 bytes']);
  });

  test('is read no faster than it is taken, and cancelled at once', async () => {
    let pulls = 0;
    let cancelled: unknown = null;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulls += 1;
          controller.enqueue(sse(DELTA));
        },
        cancel(reason) {
          cancelled = reason;
        },
      },
      { highWaterMark: 0 },
    );
    const reader = toEventStream(body, new InvocationMetrics(0)).getReader();
    expect(pulls).toBe(0);
    await reader.read();
    await reader.read();
    expect(pulls).toBe(2);
    await reader.cancel('left');
    expect(cancelled).toBe('left');
  });

  test('that breaks off breaks off', async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error('reset'));
      },
    });
    const reading = new Response(toEventStream(broken, new InvocationMetrics(0))).arrayBuffer();
    await expect(reading).rejects.toThrow('reset');
  });
});

describe('an answer in one piece', () => {
  test('has its tokens in headers', () => {
    const metrics = new InvocationMetrics(1_000);
    metrics.counted(JSON.stringify({ usage: { input_tokens: 9, output_tokens: 4 } }));
    expect(metrics.headers(1_250)).toEqual({
      'x-amzn-bedrock-input-token-count': '9',
      'x-amzn-bedrock-output-token-count': '4',
      'x-amzn-bedrock-invocation-latency': '250',
    });
  });

  test('that is a count is a count', () => {
    expect(countedAnswer('{"input_tokens":12}')).toEqual({ inputTokens: 12 });
    expect(countedAnswer('{"input_tokens":"12"}')).toBeNull();
    expect(countedAnswer('<html>')).toBeNull();
  });
});

describe('an error', () => {
  test.each([
    ['authentication_error', 401, false, 'UnrecognizedClientException', 403, 401],
    ['billing_error', 429, false, 'ServiceQuotaExceededException', 400, 429],
    ['billing_error', 429, true, 'AccessDeniedException', 403, 402],
    ['permission_error', 403, false, 'AccessDeniedException', 403, 402],
    ['rate_limit_error', 429, false, 'ThrottlingException', 429, 429],
    ['invalid_request_error', 400, false, 'ValidationException', 400, 400],
    ['request_too_large', 413, false, 'ValidationException', 413, 413],
    ['not_found_error', 404, false, 'ResourceNotFoundException', 404, 404],
    ['overloaded_error', 529, false, 'ServiceUnavailableException', 503, 529],
    ['timeout_error', 504, false, 'ModelTimeoutException', 408, 504],
    ['api_error', 500, false, 'InternalServerException', 500, 500],
    ['api_error', 502, false, 'ServiceUnavailableException', 503, 502],
    ['something_new', 418, false, 'ValidationException', 418, 418],
  ])('%s (%i, denied: %s) is a %s: %i, and %i for Anthropic’s SDK', (type, status, isDenied, name, aws, sdk) => {
    const error = { type, status, isDenied, message: 'Why' };
    expect(exceptionOf(error, false)).toEqual({ name, status: aws, message: 'Why' });
    expect(exceptionOf(error, true)).toEqual({ name, status: sdk, message: 'Why' });
  });

  test('is read from its envelope, with its words however many', () => {
    const message = 'word '.repeat(1_000);
    const text = JSON.stringify({ type: 'error', error: { type: 'api_error', message } });
    expect(readError(500, text)).toEqual({ status: 500, type: 'api_error', message });
  });

  test('that is no envelope is told by its status', () => {
    expect(readError(503, '<html>')).toMatchObject({
      message: 'The model provider answered with status 503.',
    });
  });
});
