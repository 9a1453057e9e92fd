import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { keyIdOf, openRequest } from '../fixture.ts';
import { changeShare, rollOut, sessionOf, turn, versionOf } from './rollout-scenario.ts';
import { alertsOf, change, dayBudget, drain, ledgerOf, passTime, useFakeClock } from './scenario.ts';

useFakeClock();

const TENTH = 100_000;

describe('a canary', () => {
  test('decides over the sessions that are in it, and the live version over the others', async () => {
    const scenario = await rollOut({ base: dayBudget('100'), candidate: dayBudget('50'), share: TENTH });
    const [inside, outside] = [sessionOf(TENTH, true), sessionOf(TENTH, false)];
    const own = await turn(scenario, { session: inside }, 1);
    const other = await turn(scenario, { session: outside }, 1);
    expect(own.reply).toMatchObject({ status: 'admitted', standing: { limitNanoUsd: 50e9 } });
    expect(other.reply).toMatchObject({ status: 'admitted', standing: { limitNanoUsd: 100e9 } });
    await drain(scenario.wallet);
    expect((await ledgerOf(scenario.id)).map((entry) => [entry.session, entry.policy_version])).toEqual([
      [inside, 2],
      [outside, 1],
    ]);
  });

  test('is what its developers are shown of their session, and nobody else is', async () => {
    const scenario = await rollOut({ base: dayBudget('100'), candidate: dayBudget('50'), share: TENTH });
    const [inside, outside] = [sessionOf(TENTH, true), sessionOf(TENTH, false)];
    const { id, wallet } = scenario;
    expect(await wallet.caller(id, keyIdOf(id), inside)).toMatchObject({
      caller: { policyVersion: 2, budgets: [{ limitNanoUsd: 50e9 }] },
    });
    expect(await wallet.caller(id, keyIdOf(id), outside)).toMatchObject({
      caller: { policyVersion: 1, budgets: [{ limitNanoUsd: 100e9 }] },
    });
    expect(await wallet.view(id)).toMatchObject({ policyVersion: 1 });
    expect(await wallet.authorize(id, keyIdOf(id))).toMatchObject({ standing: { limitNanoUsd: 100e9 } });
  });

  test('keeps its sessions as its share grows, from their next turn on', async () => {
    const scenario = await rollOut({ base: dayBudget('100'), candidate: dayBudget('50'), share: TENTH });
    const inside = sessionOf(TENTH, true);
    const later = [1, 2, 3, 4, 5, 6].map(() => sessionOf(TENTH, false));
    expect(await versionOf(scenario, inside)).toBe(2);
    expect(await Promise.all(later.map((session) => versionOf(scenario, session)))).toEqual(
      later.map(() => 1),
    );
    await changeShare(scenario, 999_999);
    expect(await versionOf(scenario, inside)).toBe(2);
    expect(await Promise.all(later.map((session) => versionOf(scenario, session)))).toEqual(
      later.map(() => 2),
    );
  });

  test('tells its own stages, and keeps none of the live version from being told', async () => {
    const scenario = await rollOut({ base: dayBudget('100'), candidate: dayBudget('50'), share: TENTH });
    const [inside, outside] = [sessionOf(TENTH, true), sessionOf(TENTH, false)];
    await turn(scenario, { session: inside }, 41);
    await turn(scenario, { session: outside }, 40);
    await turn(scenario, { session: outside }, 1);
    await drain(scenario.wallet);
    const told = (await alertsOf(scenario.id)).filter(({ on }) => on === 'stage:alert');
    expect(told.map(({ policy_version, session }) => [policy_version, session])).toEqual([
      [2, inside],
      [1, outside],
    ]);
  });

  test('that is not signed decides over no session, and is told', async () => {
    const scenario = await rollOut({
      base: dayBudget('100'),
      candidate: dayBudget('50'),
      share: 999_999,
      signed: JSON.stringify({ payload: {}, signature: {} }),
    });
    expect(await versionOf(scenario, sessionOf(999_999, true))).toBe(1);
    await drain(scenario.wallet);
    const [told, ...more] = await alertsOf(scenario.id);
    expect(more).toEqual([]);
    expect(told).toMatchObject({ on: 'policy_signature', subject: 'version 2' });
    expect(JSON.parse(told?.standing ?? '')).toMatchObject({ version: 2, as: 'canary' });
  });

  test('leaves no step down behind that the live version would not have made', async () => {
    const scenario = await rollOut({ base: dayBudget('1000'), candidate: dayBudget('10'), share: TENTH });
    const inside = sessionOf(TENTH, true);
    await turn(scenario, { session: inside }, 9.6);
    expect((await turn(scenario, { session: inside }, 0.01)).reply).toMatchObject({ decision: 'downgrade' });
    expect((await turn(scenario, { session: inside }, 0.01)).reply).toMatchObject({ decision: 'downgrade' });
    const end = "UPDATE policy_rollouts SET ended_at = '', ended_why = 'ended' WHERE id = ?";
    await change(scenario, env.DB.prepare(end).bind(scenario.rollout));
    passTime(2 * 3_600_000);
    expect((await turn(scenario, { session: inside }, 0.01)).reply).toMatchObject({
      decision: 'proceed',
      standing: { limitNanoUsd: 1000e9 },
    });
  });

  test('leaves a turn that came twice to the version that decided it first', async () => {
    const scenario = await rollOut({ base: dayBudget('100'), candidate: dayBudget('50'), share: TENTH });
    const session = sessionOf(TENTH, false);
    const { turnId, reply } = await turn(scenario, { session }, 1);
    await changeShare(scenario, 999_999);
    expect(await scenario.wallet.open(openRequest(scenario.id, turnId, { session }))).toEqual(reply);
  });
});
