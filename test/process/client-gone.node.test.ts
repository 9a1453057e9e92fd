import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, ledgerEntries, teamDay } from './demo-ledger.ts';
import { eventually } from './eventually.ts';
import { type FakeUpstream, startFakeUpstream } from './fake-upstream.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';
import { sendTurnOverSocket } from './leaving-client.ts';

const CANCELLED_WITHIN_MS = 1_000;
const IN_LEDGER_WITHIN_MS = 10_000;

let stateDir: string;
let upstream: FakeUpstream;
let gateway: GatewayProcess;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'bursar-client-gone-'));
  upstream = await startFakeUpstream();
  const env = { ADMIN_TOKEN, ANTHROPIC_UPSTREAM_URL: upstream.url };
  gateway = await startGatewayProcess({ stateDir, env });
});
afterAll(async () => {
  await gateway?.end('SIGINT');
  await upstream.close();
  await rm(stateDir, { recursive: true, force: true });
});

describe('a client that closes its socket', () => {
  test.each([
    ['before the head of a streamed answer', { stream: true, answer: 'silent' }],
    ['before a whole answer', { stream: false, answer: 'silent' }],
    ['in a stream that is silent', { stream: true, answer: 'stall' }],
  ] as const)('%s has its upstream call cancelled within a second and is charged', async (_, situation) => {
    upstream.answerWith(() => ({ kind: situation.answer }));
    const before = (await ledgerEntries(gateway.url)).map((each) => each.turn_id);
    const arrival = upstream.nextRequest();
    const client = await sendTurnOverSocket({ ...situation, url: gateway.url, key: gateway.key });
    const request = await arrival;
    if (situation.answer === 'stall') await client.answered;

    const left = Date.now();
    client.leave();
    expect(await request.ended).toBe(false);
    expect(Date.now() - left).toBeLessThan(CANCELLED_WITHIN_MS);

    const entry = await eventually('the entry', IN_LEDGER_WITHIN_MS, async () => {
      const entries = await ledgerEntries(gateway.url);
      return entries.find((each) => !before.includes(each.turn_id)) ?? null;
    });
    expect(entry).toMatchObject({ kind: 'charge', estimated: true, estimated_why: 'client_gone' });
    expect(entry.charged_nano_usd).toBeGreaterThan(0);
    expect(await teamDay(gateway.url)).toMatchObject({ held_usd: '0.00' });
  });

  test('in the moment the first bytes come is noticed too, however many do', async () => {
    upstream.answerWith(() => ({ kind: 'stall' }));
    const before = upstream.requests.length;
    const clients = await Promise.all(
      Array.from({ length: 64 }, () =>
        sendTurnOverSocket({ stream: true, url: gateway.url, key: gateway.key }),
      ),
    );
    await Promise.all(clients.map((client) => client.answered.then(client.leave)));
    const requests = upstream.requests.slice(before);
    expect(requests).toHaveLength(64);
    expect(await Promise.all(requests.map(({ ended }) => ended))).toEqual(requests.map(() => false));
    await eventually('an end of all holds', IN_LEDGER_WITHIN_MS, async () =>
      (await teamDay(gateway.url)).held_usd === '0.00' ? true : null,
    );
  });
});
