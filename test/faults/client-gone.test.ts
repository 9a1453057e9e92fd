import { describe, expect, test } from 'vitest';
import {
  gateway,
  messageStart,
  messagesBody,
  openStream,
  sse,
  streamedAnswer,
  textDelta,
  USAGE,
} from '../turn/gateway.ts';

const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' }] };

/** An upstream that never answers; `aborted` resolves when the gateway gives up on it. */
function silentUpstream() {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const { promise: called, resolve: arrived } = Promise.withResolvers<void>();
  const answer = ({ signal }: { signal: AbortSignal | null }): Promise<Response> => {
    arrived();
    return new Promise((_, reject) => {
      signal?.addEventListener('abort', () => {
        resolve();
        reject(signal.reason);
      });
    });
  };
  return { answer, aborted, called };
}

describe('a client that leaves', () => {
  test('before the head: the upstream is cancelled and the input is charged as estimated', async () => {
    const upstream = silentUpstream();
    const bursar = await gateway(BUDGET, upstream.answer);
    const client = new AbortController();
    const answered = bursar.turn(messagesBody(), { signal: client.signal });
    await upstream.called;
    client.abort();
    await upstream.aborted;
    await answered;
    const [entry] = await bursar.entries();
    expect(entry).toMatchObject({
      kind: 'charge',
      estimated: 1,
      estimated_why: 'client_gone',
      output_tokens: 0,
    });
    expect(entry?.charged_nano_usd).toBeGreaterThan(0);
  });

  test('in mid-stream: the upstream is cancelled, the input is exact, the output as far as it streamed', async () => {
    const upstream = openStream();
    const client = new AbortController();
    const bursar = await gateway(BUDGET, upstream.answer);
    const response = await bursar.turn(messagesBody(), { signal: client.signal });
    const reader = response.body?.getReader();
    await upstream.write(messageStart());
    await upstream.write(sse('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }));
    await upstream.write(textDelta('x'.repeat(3_500)));
    // Chunks that come close together may be passed on as one.
    const decoder = new TextDecoder();
    for (let text = ''; !text.includes('xxx'); ) text += decoder.decode((await reader?.read())?.value);
    client.abort();
    await reader?.cancel();
    await upstream.aborted;
    const [entry] = await bursar.entries();
    expect(entry).toMatchObject({
      kind: 'charge',
      estimated: 1,
      estimated_why: 'client_gone',
      input_tokens: USAGE.input_tokens,
      cache_read_tokens: USAGE.cache_read_input_tokens,
    });
    expect(entry?.output_tokens).toBeGreaterThanOrEqual(1_000);
    expect(entry?.output_tokens).toBeLessThan(1_100);
  });

  test('with the last byte in hand, before the upstream closes: the turn is complete', async () => {
    const upstream = openStream();
    const client = new AbortController();
    const bursar = await gateway(BUDGET, upstream.answer);
    const response = await bursar.turn(messagesBody(), { signal: client.signal });
    const reader = response.body?.getReader();
    await upstream.write(streamedAnswer());
    await reader?.read();
    client.abort();
    await upstream.aborted;
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', estimated: 0, output_tokens: 50 }]);
  });

  test('in a silent stream: the platform’s signal cancels the upstream', async () => {
    const upstream = openStream();
    const client = new AbortController();
    const bursar = await gateway(BUDGET, upstream.answer);
    const response = await bursar.turn(messagesBody(), { signal: client.signal });
    const reader = response.body?.getReader();
    await upstream.write(messageStart());
    await reader?.read();
    client.abort();
    await upstream.aborted;
    expect(await bursar.entries()).toMatchObject([{ estimated_why: 'client_gone', input_tokens: 1_000 }]);
  });

  test('in a short whole answer that stalls: the upstream is cancelled', async () => {
    const upstream = openStream({ 'content-type': 'application/json', 'content-length': '400' });
    const client = new AbortController();
    const bursar = await gateway(BUDGET, upstream.answer);
    const answered = bursar.turn(messagesBody({ stream: false }), { signal: client.signal });
    await upstream.write('{"id":"msg_1",');
    await upstream.called;
    client.abort();
    await upstream.aborted;
    await answered.then((response) => response.text()).catch(() => undefined);
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', estimated_why: 'client_gone' }]);
  });

  test('in a turn that is not streamed: charged for its input and the output of that time', async () => {
    const upstream = silentUpstream();
    const bursar = await gateway(BUDGET, upstream.answer);
    const client = new AbortController();
    const answered = bursar.turn(messagesBody({ stream: false }), { signal: client.signal });
    await upstream.called;
    client.abort();
    await upstream.aborted;
    await answered;
    const [entry] = await bursar.entries();
    expect(entry).toMatchObject({ kind: 'charge', estimated: 1, estimated_why: 'client_gone', stream: 0 });
    expect(entry?.charged_nano_usd).toBeGreaterThan(0);
  });
});
