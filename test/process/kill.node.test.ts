/**
 * A gateway is killed in the middle of what it does, and the next one on its state goes on. The turn that was caught
 * waits for its lease to run out; meanwhile the next gateway has clients that leave.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { connectAdminApi, expectReply } from '../../scripts/local/admin-api.ts';
import { DEMO_COST_CENTER } from '../../scripts/local/demo.ts';
import { makeTeam, sendTurn, type Team } from '../client/team.ts';
import { clientGoneCases } from './client-gone-cases.ts';
import { ADMIN_TOKEN, ledgerEntries, teamDay } from './demo-ledger.ts';
import { eventually } from './eventually.ts';
import { type FakeUpstream, startFakeUpstream } from './fake-upstream.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';
import { sendTurnOverSocket } from './leaving-client.ts';

/** A lease of 30 s, and the time the alarm and the outbox take. */
const CHARGED_WITHIN_MS = 60_000;
const WITHIN_MS = 30_000;
/** What the dry run replays. */
const TURNS = 12;
const DRY_RUNS = `/cost_centers/${DEMO_COST_CENTER}/dry_runs`;
const POLICY = {
  budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '0.01' }],
};
const dryRun = z.looseObject({
  id: z.string(),
  status: z.string(),
  result: z.looseObject({ turns: z.number(), calibration: z.unknown() }).nullable(),
});

let stateDir: string;
let upstream: FakeUpstream;
let caught: Team;
/** The caught team's daily budget before the kill. */
let held: object;
let asked: z.infer<typeof dryRun>;
let next: GatewayProcess;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'bursar-kill-'));
  upstream = await startFakeUpstream();
  const start = { stateDir, env: { ADMIN_TOKEN, ANTHROPIC_UPSTREAM_URL: upstream.url } };
  const killed = await startGatewayProcess(start);
  const admin = { url: killed.url, adminToken: ADMIN_TOKEN };
  for (let turn = 0; turn < TURNS; turn += 1) {
    expect((await sendTurn(killed.url, killed.key)).status).toBe(200);
  }
  await eventually('the ledger', WITHIN_MS, async () =>
    (await ledgerEntries(killed.url)).length === TURNS ? true : null,
  );
  caught = await makeTeam(admin, upstream, { id: 'caught', limitUsd: '10.00' });
  upstream.answerWith(() => ({ kind: 'stall' }));
  const client = await sendTurnOverSocket({ url: killed.url, key: caught.key, stream: true });
  await client.answered;
  held = await teamDay(killed.url, caught.id);
  const reply = await connectAdminApi(new URL(killed.url), ADMIN_TOKEN).post(DRY_RUNS, { policy: POLICY });
  asked = expectReply(reply, 201, dryRun);

  const workerd = killed.workerdPid();
  process.kill(killed.pid, 'SIGSTOP');
  process.kill(workerd, 'SIGKILL');
  await killed.end('SIGKILL');
  next = await startGatewayProcess(start);
});
afterAll(async () => {
  await next?.end('SIGINT');
  await upstream.close();
  await rm(stateDir, { recursive: true, force: true });
});

test('what a turn held whose gateway was killed in the middle of it is held on', async () => {
  expect(held).toMatchObject({ settled_usd: '0.00' });
  expect(held).not.toMatchObject({ held_usd: '0.00' });
  expect(await teamDay(next.url, caught.id)).toEqual(held);
});

test('a dry run whose gateway was killed is finished by the next one', async () => {
  expect(asked.status).not.toBe('succeeded');
  const api = connectAdminApi(new URL(next.url), ADMIN_TOKEN);
  const done = await eventually('the result', WITHIN_MS, async () => {
    const now = expectReply(await api.get(`${DRY_RUNS}/${asked.id}`), 200, dryRun);
    return now.status === 'succeeded' ? now : null;
  });
  expect(done.result).toMatchObject({
    turns: TURNS,
    calibration: { turns: TURNS, decisions_equal: TURNS, cost_error_usd: '0.00' },
  });
});

clientGoneCases(() => ({ gateway: next, upstream }));

test('the turn is charged once its lease has run out', async () => {
  const entries = await eventually('the charge', CHARGED_WITHIN_MS, async () => {
    const all = await ledgerEntries(next.url, caught.id);
    return all.length > 0 ? all : null;
  });
  expect(entries).toEqual([
    expect.objectContaining({ kind: 'charge', estimated: true, estimated_why: 'lease_expired' }),
  ]);
  expect(entries[0]?.charged_nano_usd).toBeGreaterThan(0);
  const after = await teamDay(next.url, caught.id);
  expect(after.held_usd).toBe('0.00');
  expect(Number(after.settled_usd)).toBeGreaterThan(0);
});
