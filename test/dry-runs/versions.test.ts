import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { openRequest, signedPolicy } from '../fixture.ts';
import { rollOut, sessionOf } from '../wallet/rollout-scenario.ts';
import {
  change,
  changePolicy,
  dayBudget,
  drain,
  ledgerOf,
  openWallet,
  type Scenario,
  setClock,
  useFakeClock,
} from '../wallet/scenario.ts';
import { ask, DAY, finish, wholeTurn } from './scenario.ts';

const MORNING = '2035-06-13T08:00:00.000Z';
const NEXT_DAY = '2035-06-14T12:00:00.000Z';
const HALF = 500_000;

useFakeClock(MORNING);

function pauseAt(limit: string): object {
  return dayBudget(limit, { stages: [{ at: '1.00', do: 'pause' }] });
}

async function expectCalibrated({ id, wallet }: Scenario, versions: (number | null)[]): Promise<void> {
  await drain(wallet);
  expect((await ledgerOf(id)).map(({ policy_version: version }) => version)).toEqual(versions);
  setClock(NEXT_DAY);
  const turns = versions.length;
  expect(await finish(id, await ask(id, { policy: dayBudget('1000'), ...DAY }))).toMatchObject({
    status: 'succeeded',
    error: null,
    result: {
      turns,
      calibration: { turns, decisions_equal: turns, cost_error_usd: '0.00', differences: [] },
    },
  });
}

test.each([
  'approved',
  'submitted',
  'draft',
])('a canary that is over, and %s again, decides over its turns', async (state) => {
  const scenario = await rollOut({ base: dayBudget('1000'), candidate: pauseAt('0.75'), share: HALF });
  const [inside, outside] = [sessionOf(HALF, true), sessionOf(HALF, false)];
  await wholeTurn(scenario, `${state}-1`, inside);
  await wholeTurn(scenario, `${state}-2`, outside);
  await scenario.wallet.open(openRequest(scenario.id, `${state}-3`, { session: inside }));
  await wholeTurn(scenario, `${state}-4`, outside);
  await change(
    scenario,
    env.DB.prepare('UPDATE policy_versions SET state = ? WHERE cost_center = ? AND version = 2').bind(
      state,
      scenario.id,
    ),
    env.DB.prepare('UPDATE policy_rollouts SET ended_at = ?, ended_why = ? WHERE id = ?').bind(
      MORNING,
      'ended',
      scenario.rollout,
    ),
  );
  await expectCalibrated(scenario, [2, 1, 2, 1]);
});

test('turns are decided by the version that was scheduled, also where D1 has not followed yet', async () => {
  const scenario = await openWallet(dayBudget('1000'));
  const { id } = scenario;
  const scheduled = pauseAt('1');
  await wholeTurn(scenario, 'before', 'one');
  await change(
    scenario,
    env.DB.prepare(
      `INSERT INTO policy_versions (cost_center, version, state, document, warnings, created_at, activate_at, signed)
       VALUES (?, 2, 'scheduled', ?, '[]', ?, ?, ?)`,
    ).bind(
      id,
      JSON.stringify(scheduled),
      MORNING,
      '2035-06-13T09:00:00.000Z',
      await signedPolicy(id, 2, scheduled),
    ),
    env.DB.prepare('UPDATE cost_centers SET scheduled_policy_version = 2 WHERE id = ?').bind(id),
  );
  await wholeTurn(scenario, 'still', 'one');
  setClock('2035-06-13T09:00:00.000Z');
  await scenario.wallet.open(openRequest(id, 'paused', { session: 'one' }));
  await expectCalibrated(scenario, [1, 1, 2]);
});

test('turns from before there was a policy are decided by none', async () => {
  const scenario = await openWallet(null);
  await wholeTurn(scenario, 'first', 'one');
  await changePolicy(scenario, pauseAt('1'));
  await wholeTurn(scenario, 'second', 'one');
  await scenario.wallet.open(openRequest(scenario.id, 'third', { session: 'one' }));
  await expectCalibrated(scenario, [null, 1, 1]);
});
