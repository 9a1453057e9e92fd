import { afterEach, describe, expect, test } from 'vitest';
import { ok } from '../../durable-objects/core/result.ts';
import { bodyRefused, MAX_BODY_BYTES, type TakenBody, takeBody } from '../../worker/turn/body.ts';
import type { Dialect } from '../../worker/turn/dialect.ts';
import { translateBody } from '../../worker/turn/translate-body.ts';

const MB = 1024 * 1024;
const taken: TakenBody[] = [];

/** Room that a test holds is given back, or the next one would find none. */
afterEach(() => {
  for (const body of taken.splice(0)) body.release();
});

/** A stream of this many bytes in pieces of a megabyte; `drawn` tells how much of it was read. */
function bodyOf(size: number): { stream: ReadableStream<Uint8Array>; drawn: () => number } {
  let sent = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = Math.min(MB, size - sent);
        if (piece > 0) controller.enqueue(new Uint8Array(piece).fill(7));
        else controller.close();
        sent += piece;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, drawn: () => sent };
}

function post(body: BodyInit | null, declared?: number | string): Request {
  const headers = declared === undefined ? {} : { 'content-length': String(declared) };
  return new Request('https://bursar.example/v1/messages', { method: 'POST', headers, body });
}

/** Takes a body, to be given back after the test: its size, or why it was refused. */
async function take(request: Request): Promise<number | string> {
  const result = await takeBody(request);
  if (!result.ok) return result.error;
  taken.push(result.value);
  return result.value.bytes.byteLength;
}

describe('a body', () => {
  test.each<[what: string, size: number, declared: number | string | undefined, result: number | string]>([
    ['whose size is declared', 3 * MB, 3 * MB, 3 * MB],
    ['whose size is not', 3 * MB, undefined, 3 * MB],
    ['of the largest size, declared', MAX_BODY_BYTES, MAX_BODY_BYTES, MAX_BODY_BYTES],
    ['of the largest size, undeclared', MAX_BODY_BYTES, undefined, MAX_BODY_BYTES],
    ['a byte larger, declared', MAX_BODY_BYTES + 1, MAX_BODY_BYTES + 1, 'too_large'],
    ['a byte larger, undeclared', MAX_BODY_BYTES + 1, undefined, 'too_large'],
    ['of 40 MB', 40 * MB, 40 * MB, 'too_large'],
    ['of no bytes', 0, 0, 0],
    ['whose size is declared as no number', 3 * MB, 'many', 3 * MB],
    ['whose size is declared as less than nothing', 3 * MB, '-5', 3 * MB],
    ['too large, its size declared as no number', 40 * MB, 'many', 'too_large'],
  ])('%s is taken or refused', async (_what, size, declared, result) => {
    expect(await take(post(bodyOf(size).stream, declared))).toBe(result);
  });

  test('that is missing is empty', async () => {
    expect(await take(post(null))).toBe(0);
  });

  test('keeps its bytes', async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    const result = await takeBody(post(new Blob([bytes]).stream()));
    expect(result.ok && result.value.bytes).toEqual(bytes);
    if (result.ok) result.value.release();
  });

  test.each([
    ['declared', 40 * MB],
    ['undeclared', undefined],
  ])('that is refused is read off the wire, so that the client sees the answer (%s)', async (_what, declared) => {
    const { stream, drawn } = bodyOf(40 * MB);
    expect(await take(post(stream, declared))).toBe('too_large');
    expect(drawn()).toBe(40 * MB);
  });

  test('that breaks off in mid-way rejects, and holds no room', async () => {
    const broken = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(MB));
          controller.error(new Error('connection reset'));
        },
      });
    for (let attempt = 0; attempt < 100; attempt += 1) {
      await expect(takeBody(post(broken()))).rejects.toThrow('connection reset');
      await expect(takeBody(post(broken(), 30 * MB))).rejects.toThrow('connection reset');
    }
    expect(await take(post(bodyOf(MB).stream))).toBe(MB);
  });
});

describe('bodies at the same time', () => {
  test('are taken up to 64 MB, the next is told to come back, and room given back is used again', async () => {
    const half = (): Request => post(bodyOf(30 * MB).stream, 30 * MB);
    expect([await take(half()), await take(half())]).toEqual([30 * MB, 30 * MB]);
    expect(await take(half())).toBe('busy');
    taken.shift()?.release();
    expect(await take(half())).toBe(30 * MB);
  });

  test('give their room back once, however often they are told to', async () => {
    const large = (): Request => post(bodyOf(32 * MB).stream, 32 * MB);
    expect([await take(large()), await take(large())]).toEqual([32 * MB, 32 * MB]);
    const [first] = taken;
    for (let time = 0; time < 3; time += 1) first?.release();
    expect(await take(large())).toBe(32 * MB);
    expect(await take(large())).toBe('busy');
  });

  test('of undeclared size count for what they are, not for what they could be', async () => {
    const small = Array.from({ length: 60 }, () => take(post(bodyOf(MB).stream)));
    expect(await Promise.all(small)).toEqual(Array(60).fill(MB));
    expect(await take(post(bodyOf(10 * MB).stream))).toBe('busy');
  });

  test('of a size declared as no number leave the count as it was', async () => {
    for (const declared of ['many', '-5', '1e3', '']) await take(post(bodyOf(MB).stream, declared));
    for (const body of taken.splice(0)) body.release();
    const large = (): Request => post(bodyOf(32 * MB).stream, 32 * MB);
    expect([await take(large()), await take(large()), await take(large())]).toEqual([
      32 * MB,
      32 * MB,
      'busy',
    ]);
  });
});

describe('a body that is translated', () => {
  const request = post(null);

  /** Takes a body of `size` and translates it by `translate`. */
  async function translate(size: number, translate: () => Uint8Array) {
    const result = await takeBody(post(bodyOf(size).stream, size));
    if (!result.ok) throw new Error(result.error);
    const { bytes } = result.value;
    const dialect: Dialect = {
      translate: () =>
        ok({ bytes: translate(), headers: new Headers(), path: '/v1/messages', answer: (each) => each }),
      refuse: (each) => each,
    };
    const translated = translateBody(dialect, result.value, request);
    if (translated.ok) taken.push(translated.value.body);
    return { translated, bytes };
  }

  test('is freed at once, and what comes in its place takes up the room that it needs', async () => {
    const { translated, bytes } = await translate(2 * MB, () => new Uint8Array(50 * MB));
    expect(translated.ok && translated.value.body.bytes.byteLength).toBe(50 * MB);
    expect(bytes.byteLength).toBe(0);
    expect(await take(post(bodyOf(20 * MB).stream, 20 * MB))).toBe('busy');
    taken.pop()?.release();
    expect(await take(post(bodyOf(32 * MB).stream, 32 * MB))).toBe(32 * MB);
  });

  test('gives its room back where the translation fails', async () => {
    for (let time = 0; time < 3; time += 1) {
      const failing = (): never => {
        throw new TypeError('a mistake of ours');
      };
      await expect(translate(30 * MB, failing)).rejects.toThrow('a mistake of ours');
    }
    expect(await take(post(bodyOf(32 * MB).stream, 32 * MB))).toBe(32 * MB);
  });
});

test.each([
  ['too_large', 413, 'request_too_large'],
  ['busy', 529, 'overloaded_error'],
] as const)('%s is answered with %i', async (why, status, type) => {
  const response = bodyRefused(why, 'req_1');
  expect(response.status).toBe(status);
  expect(response.headers.has('x-should-retry')).toBe(false);
  expect(await response.json()).toMatchObject({ type: 'error', error: { type }, request_id: 'req_1' });
});
