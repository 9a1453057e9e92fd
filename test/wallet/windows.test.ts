import { describe, expect, test } from 'vitest';
import { completed, DEVELOPER, insertKey, keyIdOf, openRequest, usd } from '../fixture.ts';
import {
  change,
  changePolicy,
  costing,
  dayBudget,
  drain,
  ledgerOf,
  openWallet,
  type Scenario,
  setClock,
  standingOf,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

let turns = 0;

/** A whole turn at an instant that costs this much. */
async function spend({ id, wallet }: Scenario, instant: string, dollars: number, keyId?: string) {
  setClock(instant);
  turns += 1;
  const request = openRequest(id, `${id}-${turns}`, { session: `session-${turns}` });
  await wallet.open(keyId === undefined ? request : { ...request, keyId });
  await wallet.settle(completed(request.turnId, costing(dollars)));
}

function budget(window: string, timezone: string, rest: object = {}): object {
  return {
    timezone,
    budgets: [{ id: 'team', scope: 'cost_center', window, limit_usd: '1000', ...rest }],
  };
}

describe('a turn that runs across midnight', () => {
  test('is held and counted in the day it was admitted, not in the one it ends in', async () => {
    const scenario = await openWallet(dayBudget('100'));
    const { id, wallet } = scenario;
    setClock('2035-06-13T23:59:40.000Z');
    await wallet.open(openRequest(id, `${id}-t`));
    expect((await standingOf(scenario))?.heldNanoUsd).toBeGreaterThan(0);
    setClock('2035-06-14T00:00:05.000Z');
    expect(await standingOf(scenario)).toMatchObject({ heldNanoUsd: 0, settledNanoUsd: 0 });
    setClock('2035-06-14T00:01:00.000Z');
    await wallet.settle(completed(`${id}-t`, costing(2)));
    expect(await standingOf(scenario)).toMatchObject({ heldNanoUsd: 0, settledNanoUsd: 0 });
    await changePolicy(scenario, budget('week', 'UTC'));
    expect(await standingOf(scenario, 'team')).toMatchObject({ settledNanoUsd: usd(2) });
    await drain(wallet);
    expect(await ledgerOf(id)).toMatchObject([
      { admitted_at: '2035-06-13T23:59:40.000Z', charged_nano_usd: usd(2) },
    ]);
  });
});

describe('a window runs from local midnight to local midnight', () => {
  test.each([
    ['day', 'UTC', '2035-06-13T00:00:00+00:00', '2035-06-14T00:00:00+00:00'],
    ['day', 'Europe/Berlin', '2035-03-25T00:00:00+01:00', '2035-03-26T00:00:00+02:00'],
    ['day', 'Europe/Berlin', '2035-10-28T00:00:00+02:00', '2035-10-29T00:00:00+01:00'],
    ['day', 'America/New_York', '2035-03-11T00:00:00-05:00', '2035-03-12T00:00:00-04:00'],
    ['day', 'Australia/Lord_Howe', '2035-04-01T00:00:00+11:00', '2035-04-02T00:00:00+10:30'],
    ['day', 'Asia/Kathmandu', '2035-06-13T00:00:00+05:45', '2035-06-14T00:00:00+05:45'],
    ['week', 'Europe/Berlin', '2035-03-19T00:00:00+01:00', '2035-03-26T00:00:00+02:00'],
    ['month', 'America/New_York', '2035-11-01T00:00:00-04:00', '2035-12-01T00:00:00-05:00'],
    ['month', 'UTC', '2036-02-01T00:00:00+00:00', '2036-03-01T00:00:00+00:00'],
  ])('a %s in %s: %s to %s', async (window, timezone, start, end) => {
    const scenario = await openWallet(budget(window, timezone));
    await spend(scenario, new Date(Date.parse(start) - 1).toISOString(), 1);
    await spend(scenario, start, 2);
    await spend(scenario, new Date(Date.parse(end) - 1).toISOString(), 4);
    expect(await standingOf(scenario, 'team')).toMatchObject({
      settledNanoUsd: usd(6),
      windowStart: start,
      resetsAt: end,
      resetsAtMs: Date.parse(end),
    });
    await spend(scenario, end, 8);
    expect(await standingOf(scenario, 'team')).toMatchObject({ settledNanoUsd: usd(8), windowStart: end });
  });
});

describe('a budget changed in mid-window sums what was spent before', () => {
  test.each([
    ['Europe/Berlin', usd(6)],
    ['America/New_York', usd(7)],
    ['Asia/Kathmandu', usd(6)],
    ['Asia/Tokyo', usd(6)],
    ['Asia/Kolkata', usd(6)],
    ['Pacific/Kiritimati', usd(6)],
    ['Australia/Eucla', usd(6)],
  ])('in the time zone %s', async (timezone, settled) => {
    const scenario = await openWallet(budget('day', 'UTC'));
    await spend(scenario, '2035-06-13T04:10:00.000Z', 1);
    await spend(scenario, '2035-06-13T22:10:00.000Z', 2);
    await spend(scenario, '2035-06-13T23:50:00.000Z', 4);
    expect(await standingOf(scenario, 'team')).toMatchObject({ settledNanoUsd: usd(7) });
    await changePolicy(scenario, budget('day', timezone));
    expect(await standingOf(scenario, 'team')).toMatchObject({ settledNanoUsd: settled });
  });

  test('with another window', async () => {
    const scenario = await openWallet(budget('day', 'UTC'));
    await spend(scenario, '2035-06-01T00:00:00.000Z', 1);
    await spend(scenario, '2035-06-11T00:00:00.000Z', 2);
    await spend(scenario, '2035-06-13T12:00:00.000Z', 4);
    await changePolicy(scenario, budget('week', 'UTC'));
    expect(await standingOf(scenario, 'team')).toMatchObject({ settledNanoUsd: usd(6) });
    await changePolicy(scenario, budget('month', 'UTC'));
    expect(await standingOf(scenario, 'team')).toMatchObject({ settledNanoUsd: usd(7) });
  });

  test('for a budget of each scope that was not there before', async () => {
    const scenario = await openWallet(null);
    const { id } = scenario;
    await change(
      scenario,
      insertKey(id, `${id}-second`, DEVELOPER, 0),
      insertKey(id, `${id}-other`, 'other@example.com', 0),
    );
    await spend(scenario, '2035-06-13T10:00:00.000Z', 1);
    await spend(scenario, '2035-06-13T11:00:00.000Z', 2, `${id}-second`);
    await spend(scenario, '2035-06-13T12:00:00.000Z', 4, `${id}-other`);
    const budgets = ['cost_center', 'developer', 'key'].map((scope) => ({
      id: scope.replace('_', '-'),
      scope,
      window: 'day',
      limit_usd: '100',
    }));
    await changePolicy(scenario, { timezone: 'UTC', budgets });
    expect(await standingOf(scenario, 'cost-center', id)).toMatchObject({ settledNanoUsd: usd(7) });
    expect(await standingOf(scenario, 'developer', DEVELOPER)).toMatchObject({ settledNanoUsd: usd(3) });
    expect(await standingOf(scenario, 'developer', 'other@example.com')).toMatchObject({
      settledNanoUsd: usd(4),
    });
    expect(await standingOf(scenario, 'key', keyIdOf(id))).toMatchObject({ settledNanoUsd: usd(1) });
    expect(await standingOf(scenario, 'key', `${id}-second`)).toMatchObject({ settledNanoUsd: usd(2) });
  });

  test('while a turn is running: its hold and its charge move with it', async () => {
    const scenario = await openWallet(budget('day', 'UTC'));
    const { id, wallet } = scenario;
    setClock('2035-06-13T21:59:00.000Z');
    await wallet.open(openRequest(id, 'early'));
    setClock('2035-06-13T22:00:00.000Z');
    await wallet.open(openRequest(id, 'late', { bodyBytes: 90_000 }));
    const [, late] = await wallet.holds();
    await changePolicy(scenario, budget('day', 'Europe/Berlin'));
    expect((await standingOf(scenario, 'team'))?.heldNanoUsd).toBe(late?.heldNanoUsd);
    await wallet.settle(completed('early', costing(1)));
    await wallet.settle(completed('late', costing(2)));
    expect(await standingOf(scenario, 'team')).toMatchObject({ heldNanoUsd: 0, settledNanoUsd: usd(2) });
  });
});
