import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { completed, DEVELOPER, insertKey, openRequest, usd } from '../fixture.ts';
import {
  type AlertRow,
  alertsOf,
  change,
  changePolicy,
  costing,
  dayBudget,
  drain,
  openWallet,
  passTime,
  type Scenario,
  setClock,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

let turns = 0;

/** A whole turn that costs this much, in the budget of `keyId`'s developer. Returns its id. */
async function spend({ id, wallet }: Scenario, dollars: number, keyId?: string): Promise<string> {
  turns += 1;
  const request = openRequest(id, `${id}-${turns}`, { session: `session-${turns}` });
  await wallet.open(keyId === undefined ? request : { ...request, keyId });
  await wallet.settle(completed(request.turnId, costing(dollars)));
  return request.turnId;
}

async function told({ id, wallet }: Scenario): Promise<AlertRow[]> {
  await drain(wallet);
  return await alertsOf(id);
}

function stagesOf(alerts: readonly AlertRow[]): string[] {
  return alerts.map((alert) => alert.stage);
}

describe('a stage that settled money crosses', () => {
  test('is told once, with turn, session, standing and policy version', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await spend(scenario, 7.999_98);
    expect(await told(scenario)).toEqual([]);
    const turnId = await spend(scenario, 0.000_02);
    await spend(scenario, 0.1);
    const [alert, ...more] = await told(scenario);
    expect(more).toEqual([]);
    expect(alert).toMatchObject({
      on: 'stage:alert',
      turn_id: turnId,
      session: `session-${turns - 1}`,
      developer: DEVELOPER,
      policy_version: 1,
      budget: 'team-day',
      subject: scenario.id,
      stage: 'team-day@0.80',
      window_start: '2035-06-13T00:00:00.000Z',
      resets_at: '2035-06-14T00:00:00.000Z',
    });
    expect(JSON.parse(alert?.standing ?? '')).toMatchObject({
      limit_nano_usd: usd(10),
      settled_nano_usd: usd(8),
    });
  });

  test('is told with every other stage that one large turn crosses', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await spend(scenario, 12);
    expect(stagesOf(await told(scenario))).toEqual(['team-day@0.80', 'team-day@0.95', 'team-day@1.10']);
  });

  test('is not told of a hold that never became money', async () => {
    const scenario = await openWallet(dayBudget('0.13'));
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    await scenario.wallet.settle(completed('t', costing(0.000_1)));
    expect(await told(scenario)).toEqual([]);
  });

  test('is told again in the next window', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await spend(scenario, 9);
    setClock('2035-06-14T00:00:00.000Z');
    await spend(scenario, 9);
    expect((await told(scenario)).map((alert) => alert.window_start)).toEqual([
      '2035-06-13T00:00:00.000Z',
      '2035-06-14T00:00:00.000Z',
    ]);
  });

  test('is told for the window of the turn’s admission, where it settles after midnight', async () => {
    const scenario = await openWallet(dayBudget('10'));
    setClock('2035-06-13T23:59:59.000Z');
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    setClock('2035-06-14T00:00:01.000Z');
    await scenario.wallet.settle(completed('t', costing(9)));
    expect(await told(scenario)).toMatchObject([
      { window_start: '2035-06-13T00:00:00.000Z', stage: 'team-day@0.80' },
    ]);
  });

  test('is told once for each budget and each subject', async () => {
    const scenario = await openWallet({
      timezone: 'UTC',
      budgets: [
        { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '20' },
        { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '10' },
      ],
    });
    const { id } = scenario;
    await change(
      scenario,
      insertKey(id, `${id}-second`, DEVELOPER, 0),
      insertKey(id, `${id}-other`, 'other@example.com', 0),
    );
    await spend(scenario, 4);
    await spend(scenario, 4, `${id}-second`);
    await spend(scenario, 8, `${id}-other`);
    expect((await told(scenario)).map(({ stage, subject }) => [stage, subject])).toEqual([
      ['dev-day@0.80', DEVELOPER],
      ['team-day@0.80', id],
      ['dev-day@0.80', 'other@example.com'],
    ]);
  });

  test('carries the policy version in force when it is crossed', async () => {
    const scenario = await openWallet(dayBudget('100'));
    await spend(scenario, 5);
    await changePolicy(scenario, dayBudget('10'));
    await spend(scenario, 4);
    expect(await told(scenario)).toMatchObject([{ stage: 'team-day@0.80', policy_version: 2 }]);
  });

  test('is told of a lease that ran out, and not again when the turn settles', async () => {
    const scenario = await openWallet(dayBudget('0.14'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 't'));
    passTime(30_000);
    await runDurableObjectAlarm(wallet);
    await wallet.settle(completed('t', costing(0.13)));
    expect(stagesOf(await told(scenario))).toEqual(['team-day@0.80']);
  });
});

describe('counts as crossing its stage', () => {
  test('the first step down of a window, and no further one', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await spend(scenario, 9.45);
    expect(await wallet.open(openRequest(id, 't0'))).toMatchObject({ decision: 'proceed' });
    for (const turnId of ['t1', 't2']) {
      expect(await wallet.open(openRequest(id, turnId))).toMatchObject({ decision: 'downgrade' });
    }
    const alerts = await told(scenario);
    expect(stagesOf(alerts)).toEqual(['team-day@0.80', 'team-day@0.95']);
    expect(alerts[1]).toMatchObject({ on: 'stage:downgrade', turn_id: 't1' });
  });

  test('the first refusal of a window, and no further one', async () => {
    const scenario = await openWallet(dayBudget('10', { stages: [{ at: '1.00', do: 'pause' }] }));
    const { id, wallet } = scenario;
    await spend(scenario, 9.999_98);
    for (const turnId of ['t1', 't2']) {
      expect(await wallet.open(openRequest(id, turnId))).toMatchObject({ refusal: { why: 'budget' } });
    }
    expect(await told(scenario)).toMatchObject([{ on: 'stage:pause', turn_id: 't1' }]);
  });

  test('no refusal that is over in a few seconds', async () => {
    const scenario = await openWallet(dayBudget('0.13', { stages: [{ at: '1.00', do: 'pause' }] }));
    const { id, wallet } = scenario;
    await changePolicy(scenario, {
      ...dayBudget('0.13', { stages: [{ at: '1.00', do: 'pause' }] }),
      cascade: ['claude-opus-5-5'],
    });
    await wallet.open(openRequest(id, 't1'));
    expect(await wallet.open(openRequest(id, 't2'))).toMatchObject({ refusal: { why: 'pending' } });
    expect(await told(scenario)).toEqual([]);
  });
});

describe('a cost center that is exempt', () => {
  test('is told of no stage, and of those it has passed with the first turn after that', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const exempt = env.DB.prepare('UPDATE cost_centers SET exempt_until = ? WHERE id = ?');
    await change(scenario, exempt.bind('2035-06-13T13:00:00.000Z', scenario.id));
    await spend(scenario, 20);
    expect(await told(scenario)).toEqual([]);
    setClock('2035-06-13T13:00:00.000Z');
    expect(await scenario.wallet.open(openRequest(scenario.id, 'after'))).toMatchObject({
      status: 'refused',
    });
    expect(stagesOf(await told(scenario))).toContain('team-day@1.10');
  });
});

describe('another event', () => {
  test('is told once an hour for the same subject', async () => {
    const scenario = await openWallet(null);
    const { id, wallet } = scenario;
    const event = { on: 'upstream_credential', turnId: 't', facts: { http_status: 401 } };
    await wallet.view(id);
    await wallet.raise(id, event);
    await wallet.raise(id, event);
    setClock('2035-06-13T13:00:00.000Z');
    await wallet.raise(id, event);
    expect((await told(scenario)).map((alert) => alert.on)).toEqual([
      'upstream_credential',
      'upstream_credential',
    ]);
  });

  test('is a model that the catalogue does not know', async () => {
    const scenario = await openWallet(null);
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 't', { model: 'claude-next-9' }));
    await wallet.settle(completed('t', { ...costing(1), model: 'claude-next-9' }));
    expect(await told(scenario)).toMatchObject([
      { on: 'unknown_model', subject: 'claude-next-9', turn_id: 't' },
    ]);
  });
});
