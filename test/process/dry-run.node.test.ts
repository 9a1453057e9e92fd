import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { connectAdminApi, expectReply } from '../../scripts/local/admin-api.ts';
import { DEMO_COST_CENTER } from '../../scripts/local/demo.ts';
import { ADMIN_TOKEN, ledgerEntries } from './demo-ledger.ts';
import { eventually } from './eventually.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';

const TURNS = 12;
const WITHIN_MS = 30_000;
const PATH = `/cost_centers/${DEMO_COST_CENTER}/dry_runs`;
const POLICY = {
  budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '0.01' }],
};

let stateDir: string;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'bursar-dry-run-'));
});
afterAll(() => rm(stateDir, { recursive: true, force: true }));

async function sendTurn({ url, key }: GatewayProcess): Promise<void> {
  const body = {
    model: 'claude-sonnet-5-5',
    max_tokens: 64,
    messages: [{ role: 'user', content: 'Hello' }],
  };
  const response = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status, await response.text()).toBe(200);
}

const dryRun = z.looseObject({
  id: z.string(),
  status: z.string(),
  result: z.looseObject({ turns: z.number(), calibration: z.unknown() }).nullable(),
});

test('a dry run whose gateway was killed is finished by the next one', async () => {
  const start = { stateDir, env: { ADMIN_TOKEN } };
  const killed = await startGatewayProcess(start);
  for (let turn = 0; turn < TURNS; turn += 1) await sendTurn(killed);
  await eventually('the ledger', WITHIN_MS, async () =>
    (await ledgerEntries(killed.url)).length === TURNS ? true : null,
  );
  const asked = await connectAdminApi(new URL(killed.url), ADMIN_TOKEN).post(PATH, { policy: POLICY });
  const { id, status } = expectReply(asked, 201, dryRun);
  const workerd = killed.workerdPid();
  process.kill(killed.pid, 'SIGSTOP');
  process.kill(workerd, 'SIGKILL');
  await killed.end('SIGKILL');
  expect(status).not.toBe('succeeded');

  const next = await startGatewayProcess(start);
  const api = connectAdminApi(new URL(next.url), ADMIN_TOKEN);
  const done = await eventually('the result', WITHIN_MS, async () => {
    const now = expectReply(await api.get(`${PATH}/${id}`), 200, dryRun);
    return now.status === 'succeeded' ? now : null;
  });
  expect(done.result).toMatchObject({
    turns: TURNS,
    calibration: { turns: TURNS, decisions_equal: TURNS, cost_error_usd: '0.00' },
  });
  await next.end('SIGINT');
});
