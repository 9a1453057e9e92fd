/** A limit besides money as a client meets it: a plain 429 that waits and comes back. */
import Anthropic from '@anthropic-ai/sdk';
import { expect, onTestFinished, test, vi } from 'vitest';
import { gateway } from './gateway.ts';

const ONE_A_MINUTE = { budgets: [], limits: [{ scope: 'developer', requests_per_minute: 1 }] };
const PROMPT = {
  model: 'claude-opus-5-5',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'say hi' }],
};
const SIMULATED = { headers: { 'x-bursar-simulate': 'pace=0' } };

async function limited() {
  const bursar = await gateway(ONE_A_MINUTE, () => new Response('the network is not used'), {
    PROVIDER: 'simulator',
  });
  expect((await bursar.turn(PROMPT, SIMULATED)).status).toBe(200);
  await bursar.settled();
  return bursar;
}

test('a turn over a limit is a plain 429 with the seconds to wait, and without a word of a pause', async () => {
  const bursar = await limited();
  const response = await bursar.turn(PROMPT, SIMULATED);
  expect(response.status).toBe(429);
  const seconds = Number(response.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(50);
  expect(seconds).toBeLessThanOrEqual(60);
  expect(await response.json()).toMatchObject({
    type: 'error',
    error: {
      type: 'rate_limit_error',
      message: expect.stringMatching(/limit of 1 request a minute of each developer .*\(dev@example\.com\)/),
    },
  });
  const names = [...response.headers.keys()];
  expect(names.filter((name) => name.includes('ratelimit') || name === 'x-should-retry')).toEqual([]);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'x-bursar-decision': 'refuse',
    'x-bursar-model': 'none',
    'x-bursar-reason': 'limit:developer@requests_per_minute',
  });
  // One is in the ledger; the next is answered alike and is not.
  const again = await bursar.turn(PROMPT, SIMULATED);
  expect([again.status, again.headers.get('x-bursar-reason')]).toEqual([
    429,
    'limit:developer@requests_per_minute',
  ]);
  expect((await bursar.entries()).map(({ kind }) => kind)).toEqual(['charge', 'refusal']);
});

test('Anthropic’s own client waits for as long as it is told, and is served then', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const bursar = await limited();
  const waits: number[] = [];
  const told: number[] = [];
  let isWaiting = false;
  const timer = globalThis.setTimeout;
  const spy = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((act: () => void, ms = 0) => {
    if (!isWaiting) return timer(act, ms);
    isWaiting = false;
    waits.push(ms);
    vi.setSystemTime(Date.now() + ms);
    return timer(act, 0);
  }) as typeof setTimeout);
  onTestFinished(() => spy.mockRestore());
  const anthropic = new Anthropic({
    apiKey: bursar.key,
    authToken: null,
    baseURL: 'https://bursar.example',
    defaultHeaders: SIMULATED.headers,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const response = await bursar.call(new URL(request.url).pathname, request);
      const retryAfter = response.headers.get('retry-after');
      isWaiting = response.status === 429;
      if (retryAfter !== null) told.push(Number(retryAfter) * 1_000);
      return response;
    },
  });
  const message = await anthropic.messages.create(PROMPT);
  expect(message.type).toBe('message');
  expect(told).toHaveLength(1);
  expect(waits).toEqual(told);
});
