import { describe, expect, test } from 'vitest';
import { gateway, messageStart, messagesBody, openStream, sse, textDelta, USAGE } from '../turn/gateway.ts';

const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' }] };

/** Reads a body to its end or to its break. */
async function readAll(response: Response): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const next = await reader?.read();
      if (!next || next.done) return text;
      text += next.value;
    }
  } catch {
    return `${text}<broken>`;
  }
}

describe('an upstream that breaks off', () => {
  test('in mid-stream is charged at what was seen, and the client sees the break', async () => {
    const upstream = openStream();
    const bursar = await gateway(BUDGET, upstream.answer);
    const response = await bursar.turn(messagesBody());
    await upstream.write(messageStart());
    await upstream.write(textDelta('x'.repeat(350)));
    const reading = readAll(response);
    await new Promise((resolve) => setTimeout(resolve, 0));
    await upstream.fail();
    // A platform that ends what breaks as if it were whole hides the break, and not the error.
    expect(await reading).toMatch(
      /\n\nevent: error\ndata: \{"type":"error","error":\{"type":"api_error",.*broke off\."\}\}\n\n<broken>$/,
    );
    const [entry] = await bursar.entries();
    expect(entry).toMatchObject({
      kind: 'charge',
      estimated: 1,
      estimated_why: 'upstream_cut',
      input_tokens: USAGE.input_tokens,
    });
    expect(entry?.output_tokens).toBeGreaterThanOrEqual(100);
  });

  test('in a short whole answer is charged as estimated, and the client gets an error in its place', async () => {
    const upstream = openStream({ 'content-type': 'application/json', 'content-length': '400' });
    const bursar = await gateway(BUDGET, upstream.answer);
    const answered = bursar.turn(messagesBody({ stream: false }));
    await upstream.write('{"id":"msg_1",');
    await upstream.fail();
    const response = await answered;
    expect(response.status).toBe(502);
    expect(response.headers.get('x-bursar-provider')).toBe('anthropic');
    expect(await response.json()).toMatchObject({
      error: { type: 'api_error', message: expect.stringContaining('broke off') },
    });
    expect(await bursar.entries()).toMatchObject([
      { kind: 'charge', estimated: 1, estimated_why: 'upstream_cut' },
    ]);
  });

  test('before any usage releases the hold: a failure of no money', async () => {
    const upstream = openStream();
    const bursar = await gateway(BUDGET, upstream.answer);
    const response = await bursar.turn(messagesBody());
    await upstream.fail();
    await readAll(response);
    expect(await bursar.entries()).toMatchObject([
      { kind: 'failure', charged_nano_usd: 0, error_type: 'upstream_cut' },
    ]);
  });

  test('after its last word on usage is charged exactly', async () => {
    const upstream = openStream();
    const bursar = await gateway(BUDGET, upstream.answer);
    const response = await bursar.turn(messagesBody());
    await upstream.write(messageStart());
    await upstream.write(sse('message_delta', { delta: { stop_reason: 'end_turn' }, usage: USAGE }));
    const reading = readAll(response);
    await new Promise((resolve) => setTimeout(resolve, 0));
    await upstream.fail();
    await reading;
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', estimated: 0, output_tokens: 50 }]);
  });
});

describe('an error event in the stream', () => {
  const overloaded = sse('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });

  test('passes on, and the turn is charged at what was seen', async () => {
    const upstream = openStream();
    const bursar = await gateway(BUDGET, upstream.answer);
    const response = await bursar.turn(messagesBody());
    await upstream.write(messageStart());
    await upstream.write(overloaded);
    await upstream.end();
    expect(await readAll(response)).toContain('overloaded_error');
    expect(await bursar.entries()).toMatchObject([
      {
        kind: 'charge',
        estimated_why: 'upstream_error',
        error_type: 'overloaded_error',
        input_tokens: 1_000,
      },
    ]);
  });

  test('before any usage is a failure of no money', async () => {
    const upstream = openStream();
    const bursar = await gateway(BUDGET, upstream.answer);
    const response = await bursar.turn(messagesBody());
    await upstream.write(overloaded);
    await upstream.end();
    await readAll(response);
    expect(await bursar.entries()).toMatchObject([{ kind: 'failure', charged_nano_usd: 0 }]);
  });
});

test('an upstream that cannot be reached is a 502 and costs nothing', async () => {
  const bursar = await gateway(BUDGET, () => {
    throw new TypeError('connection refused');
  });
  const response = await bursar.turn(messagesBody());
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({ error: { type: 'api_error' } });
  expect(await bursar.entries()).toMatchObject([{ kind: 'failure', error_type: 'upstream_unreachable' }]);
});

test('an answer of status 200 without usage is charged as estimated, not free', async () => {
  const bursar = await gateway(BUDGET, () => Response.json({ type: 'message', content: [] }));
  await (await bursar.turn(messagesBody({ stream: false }))).text();
  const [entry] = await bursar.entries();
  expect(entry).toMatchObject({ kind: 'charge', estimated: 1, estimated_why: 'usage_missing' });
  expect(entry?.charged_nano_usd).toBeGreaterThan(0);
});
