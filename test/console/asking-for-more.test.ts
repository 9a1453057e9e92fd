/** The whole way: refused, asked for, delivered, approved by the link in the message, passed. */
import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test, vi } from 'vitest';
import { configure } from '../alerts/scenario.ts';
import { completed, openRequest, usageOf, walletStub } from '../fixture.ts';
import { gateway, messagesBody, streamedAnswer, streamOf } from '../turn/gateway.ts';

const PUBLIC_URL = 'https://bursar.example';
const HOOK = 'https://hooks.example.com/bursar';
const POLICY = {
  budgets: [{ id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '10.00' }],
};

test('a refused developer asks by the link, the manager approves by theirs, and the next turn passes', async () => {
  const delivered: string[] = [];
  const bursar = await gateway(
    POLICY,
    ({ url, body }) => {
      if (url !== HOOK) return streamOf(streamedAnswer());
      delivered.push(new TextDecoder().decode(body));
      return new Response('ok');
    },
    { PUBLIC_URL },
  );
  const { costCenter } = bursar;
  const object = env.ALERTS.get(env.ALERTS.idFromName(costCenter));
  await configure({ id: costCenter, object }, { PUBLIC_URL });
  const json = { authorization: `Bearer ${env.ADMIN_TOKEN}`, 'content-type': 'application/json' };
  const to = [{ type: 'webhook', url: HOOK, secret: `whsec_${btoa('x'.repeat(24))}` }];
  const routes = { routes: [{ on: ['increase_request'], severity: 'warning', to }], fallback: [] };
  const init = { method: 'PUT', headers: json, body: JSON.stringify(routes) };
  const put = await bursar.call(`/admin/v1/cost_centers/${costCenter}/alert_routes`, init);
  expect(put.status).toBe(200);

  const wallet = walletStub(costCenter);
  await wallet.open(openRequest(costCenter, 'spent', { bodyBytes: 10, maxTokens: 10 }));
  await wallet.settle(completed('spent', usageOf({ inputTokens: 3_000_000 })));
  const refused = await bursar.turn(messagesBody({ max_tokens: 10 }));
  const { message } = Object(await refused.json()).error;
  const ask = message.slice(message.lastIndexOf(PUBLIC_URL) + PUBLIC_URL.length);
  const form = new URLSearchParams({ extra_usd: '10', reason: 'release day' });
  expect((await bursar.call(ask, { method: 'POST', body: form })).status).toBe(201);

  // Its alarm may be running by itself.
  await vi.waitUntil(async () => {
    await runDurableObjectAlarm(object);
    return delivered.length > 0;
  });
  expect(delivered).toHaveLength(1);
  expect(delivered[0]).toContain('release day');
  const [approve = ''] = [
    ...(delivered[0] ?? '').matchAll(/https:\/\/bursar\.example(\/alerts\/act\/[\w.-]+)/g),
  ].map(([, path = '']) => path);
  expect((await bursar.call(approve)).status).toBe(200);
  expect((await bursar.call(approve, { method: 'POST' })).status).toBe(200);
  const passed = await bursar.turn(messagesBody({ max_tokens: 10 }));
  expect(passed.status).toBe(200);
  await passed.text();

  const alerts = await bursar.call(`/admin/v1/alerts?cost_center=${costCenter}`, { headers: json });
  const [event] = Object(await alerts.json()).data.filter(
    (each: { on: string }) => each.on === 'increase_request',
  );
  expect(event.deliveries).toMatchObject([{ state: 'delivered', attempts: [{ status: 200 }] }]);
});
