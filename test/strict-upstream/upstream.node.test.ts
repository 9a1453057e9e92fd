import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StrictUpstream, startStrictUpstream } from './upstream.ts';

let upstream: StrictUpstream;
beforeAll(async () => {
  upstream = await startStrictUpstream();
});
afterAll(() => upstream.close());

function ask(members: object): Promise<Response> {
  const body = { model: 'claude-haiku-5-5', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] };
  return fetch(`${upstream.url}/v1/messages`, {
    method: 'POST',
    body: JSON.stringify({ ...body, ...members }),
  });
}

test('what the model takes is answered, whole and as a stream', async () => {
  const whole = await ask({});
  expect(whole.status).toBe(200);
  expect(await whole.json()).toMatchObject({ model: 'claude-haiku-5-5', content: [{ text: 'Hello.' }] });
  const stream = await ask({ stream: true });
  expect(stream.headers.get('content-type')).toContain('text/event-stream');
  expect(await stream.text()).toMatch(/^event: message_start\n.*event: message_stop\n/s);
  expect(upstream.refused).toEqual([]);
});

test('what it refuses is refused in the envelope of the API, and noted', async () => {
  const refusal = {
    type: 'invalid_request_error',
    message: "'claude-haiku-5-5' does not support the `speed` parameter.",
  };
  const response = await ask({ speed: 'fast' });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ type: 'error', error: refusal });
  expect(upstream.refused).toEqual([{ model: 'claude-haiku-5-5', status: 400, ...refusal }]);
});

test('a model nobody knows is not found', async () => {
  expect((await ask({ model: 'claude-haiku-9' })).status).toBe(404);
});
