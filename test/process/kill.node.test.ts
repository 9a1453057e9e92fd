import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_TOKEN, ledgerEntries, teamDay } from './demo-ledger.ts';
import { eventually } from './eventually.ts';
import { type FakeUpstream, startFakeUpstream } from './fake-upstream.ts';
import { startGatewayProcess } from './gateway-process.ts';
import { sendTurnOverSocket } from './leaving-client.ts';

/** A lease of 30 s, and the time the alarm and the outbox take. */
const CHARGED_WITHIN_MS = 60_000;

let stateDir: string;
let upstream: FakeUpstream;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'bursar-kill-'));
  upstream = await startFakeUpstream();
});
afterAll(async () => {
  await upstream.close();
  await rm(stateDir, { recursive: true, force: true });
});

test('a turn whose gateway was killed in the middle of it is charged once its lease has run out', async () => {
  const start = { stateDir, env: { ADMIN_TOKEN, ANTHROPIC_UPSTREAM_URL: upstream.url } };
  upstream.answerWith(() => ({ kind: 'stall' }));
  const killed = await startGatewayProcess(start);
  const client = await sendTurnOverSocket({ url: killed.url, key: killed.key, stream: true });
  await client.answered;
  const held = await teamDay(killed.url);
  expect(held).toMatchObject({ settled_usd: '0.00' });
  expect(Number(held.held_usd)).toBeGreaterThan(0);

  const workerd = killed.workerdPid();
  process.kill(killed.pid, 'SIGSTOP');
  process.kill(workerd, 'SIGKILL');
  await killed.end('SIGKILL');

  const next = await startGatewayProcess(start);
  expect(await teamDay(next.url)).toEqual({ ...held });
  const entries = await eventually('the charge', CHARGED_WITHIN_MS, async () => {
    const all = await ledgerEntries(next.url);
    return all.length > 0 ? all : null;
  });
  expect(entries).toEqual([
    expect.objectContaining({ kind: 'charge', estimated: true, estimated_why: 'lease_expired' }),
  ]);
  expect(entries[0]?.charged_nano_usd).toBeGreaterThan(0);
  const after = await teamDay(next.url);
  expect(after.held_usd).toBe('0.00');
  expect(Number(after.settled_usd)).toBeGreaterThan(0);
  await next.end('SIGINT');
});
