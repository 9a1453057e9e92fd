import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readDirectives } from '../../../worker/providers/simulator/directives.ts';
import { ask, body, eventsIn, freshSimulator } from './asking.ts';

const provider = freshSimulator();
const streamed = body({ stream: true });

/** What of a body arrives, and what it ends with. */
async function drain(response: Response): Promise<{ text: string; failure: unknown }> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
    return { text, failure: null };
  } catch (failure) {
    return { text, failure };
  }
}

/** Reads until the body has shown `mark`. */
async function readUntil(response: Response, mark: string) {
  const reader = response.body?.getReader();
  if (!reader) throw new Error('expected a body');
  let text = '';
  while (!text.includes(mark)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`expected ${mark} in ${text}`);
    text += new TextDecoder().decode(value);
  }
  return reader;
}

async function readToEnd(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

describe('directives', () => {
  test.each([
    [null, {}],
    ['', {}],
    ['fail=529', { fail: 529 }],
    [' stall=head ; pace=0.5,', { stall: 'head', pace: 0.5 }],
    ['cut=text,delay=1500', { cut: 'text', delay: 1500 }],
    ['error=start;refuse=1', { error: 'start', refuse: '1' }],
    [
      'output_tokens=0;input_tokens=7;thinking_silence=2000',
      { output_tokens: 0, input_tokens: 7, thinking_silence: 2000 },
    ],
  ])('%j is understood', (header, expected) => {
    expect(readDirectives(header)).toEqual({ ok: true, value: { pace: 1, ...expected } });
  });

  test.each([
    ['explode=1', /explode/],
    ['fail', /fail: expected name=value/],
    ['fail=200', /fail/],
    ['fail=0x1f4', /fail: expected a whole number/],
    ['stall=end', /stall/],
    ['error=head', /error/],
    ['refuse=yes', /refuse/],
    ['pace=-1', /pace/],
    ['pace=11', /pace/],
    ['delay=1e3', /delay/],
    ['delay=600001', /delay/],
    ['cut=text;cut=head', /cut: given more than once/],
    ['a=b=c', /a=b=c/],
    ['__proto__=1', /__proto__/],
  ])('%j is refused by name', (header, problem) => {
    expect(readDirectives(header)).toEqual({ ok: false, error: expect.stringMatching(problem) });
  });

  test('that are malformed are a 400', async () => {
    const response = await ask(provider, body(), { simulate: 'explode=1' });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('x-bursar-simulate');
  });
});

describe('told to go wrong', () => {
  test('it fails before it looks at the body', async () => {
    const response = await ask(provider, 'nonsense', { simulate: 'fail=529' });
    expect(response.status).toBe(529);
    expect(await response.json()).toMatchObject({ error: { type: 'overloaded_error' } });
  });

  test('it cuts the connection before the head', async () => {
    await expect(ask(provider, body(), { simulate: 'cut=head' })).rejects.toThrow(TypeError);
  });

  test.each([
    ['start', 'ping', 'content_block_start'],
    ['text', 'content_block_delta', 'message_delta'],
  ])('it cuts a stream at %s, after %s and before %s', async (place, seen, unseen) => {
    const { text, failure } = await drain(await ask(provider, streamed, { simulate: `pace=0;cut=${place}` }));
    expect(failure).toBeInstanceOf(TypeError);
    expect(text).toContain(`event: ${seen}\n`);
    expect(text).not.toContain(`event: ${unseen}\n`);
  });

  test.each(['start', 'text'])('it sends an error event at %s and ends', async (place) => {
    const { text, failure } = await drain(
      await ask(provider, streamed, { simulate: `pace=0;error=${place}` }),
    );
    expect(failure).toBeNull();
    expect(eventsIn(text).at(-1)).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } });
  });

  test('it answers 529 in place of an error event where nothing is streamed', async () => {
    const response = await ask(provider, body(), { simulate: 'pace=0;error=text' });
    expect(response.status).toBe(529);
    await response.body?.cancel();
  });

  test('it cuts a document in its middle', async () => {
    const { text, failure } = await drain(await ask(provider, body(), { simulate: 'pace=0;cut=text' }));
    expect(failure).toBeInstanceOf(TypeError);
    expect(text).toMatch(/^\{"id":/);
    expect(() => JSON.parse(text)).toThrow();
  });

  test('it refuses before any output', async () => {
    const text = await (await ask(provider, streamed, { simulate: 'pace=0;refuse=1' })).text();
    expect(eventsIn(text).map((event) => event.type)).toEqual([
      'message_start',
      'ping',
      'message_delta',
      'message_stop',
    ]);
    const meter = provider.meter('text/event-stream');
    meter.push(new TextEncoder().encode(text), 0);
    expect(meter.read(0)).toMatchObject({ stopReason: 'refusal', contentSeen: false, final: true });
  });
});

describe('a caller who leaves', () => {
  const gone = new Error('the caller is gone');

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([
    ['a stalled head', 'stall=head', body()],
    ['a delay', 'delay=60000', body()],
    ['the wait for a first byte', 'pace=1', streamed],
    ['a document being written', 'pace=1', body()],
  ])('during %s is noticed at once', async (_, simulate, content) => {
    const caller = new AbortController();
    const answer = ask(provider, content, { simulate, signal: caller.signal });
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(1);
    caller.abort(gone);
    await expect(answer).rejects.toBe(gone);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('before asking gets nothing', async () => {
    await expect(ask(provider, body(), { signal: AbortSignal.abort(gone) })).rejects.toBe(gone);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    ['a stall after message_start', 'pace=0;stall=start', streamed, 'event: ping'],
    ['a stall in the text', 'pace=0;stall=text', streamed, 'event: content_block_delta'],
    ['a stall in a document', 'pace=0;stall=text', body(), '{"id":'],
    ['silent thinking', 'pace=0;thinking_silence=60000', streamed, '"type":"thinking"'],
    ['paced text', 'delay=0;pace=10', streamed, 'event: content_block_start'],
  ])('in %s breaks the body off, or cancels it, and leaves no timer', async (_, simulate, content, mark) => {
    const caller = new AbortController();
    const aborted = await readUntil(await ask(provider, content, { simulate, signal: caller.signal }), mark);
    const cancelled = await readUntil(await ask(provider, content, { simulate }), mark);
    const rest = readToEnd(aborted);
    caller.abort(gone);
    await expect(rest).rejects.toBe(gone);
    await cancelled.cancel();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('pace', () => {
  test('is believable and bounded', async () => {
    vi.useFakeTimers();
    const started = Date.now();
    const answer = ask(provider, streamed, { simulate: 'pace=1' });
    await vi.runAllTimersAsync();
    const headMs = Date.now() - started;
    expect(headMs).toBeGreaterThanOrEqual(150);
    expect(headMs).toBeLessThanOrEqual(400);
    const text = (await answer).text();
    await vi.runAllTimersAsync();
    expect(eventsIn(await text).at(-1)?.type).toBe('message_stop');
    expect(Date.now() - started).toBeGreaterThan(headMs + 100);
    expect(Date.now() - started).toBeLessThan(headMs + 3100);
    vi.useRealTimers();
  });

  test('of zero waits for nothing', async () => {
    vi.useFakeTimers();
    await (await ask(provider, streamed)).text();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
});

test('its meter reads what it streams', async () => {
  for (const [content, type] of [
    [streamed, 'text/event-stream'],
    [body(), 'application/json'],
  ] as const) {
    const response = await ask(freshSimulator(), content, {
      simulate: 'pace=0;input_tokens=77;output_tokens=33',
    });
    expect(response.headers.get('content-type')).toContain(type);
    const meter = provider.meter(response.headers.get('content-type') ?? '');
    meter.push(new Uint8Array(await response.arrayBuffer()), 0);
    meter.end(0);
    const { usage, final, stopReason, contentSeen, messageId } = meter.read(0);
    expect(usage?.tokens).toMatchObject({ inputTokens: 77, outputTokens: 33 });
    expect({ final, stopReason, contentSeen }).toEqual({
      final: true,
      stopReason: 'end_turn',
      contentSeen: true,
    });
    expect(messageId).toMatch(/^msg_sim/);
  }
});
