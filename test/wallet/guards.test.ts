import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { completed, keyIdOf, signedPolicy } from '../fixture.ts';
import {
  freshSession,
  open,
  type Plan,
  type Rollout,
  rollOut,
  sessionOf,
  tripsOf,
  turn,
  versionOf,
} from './rollout-scenario.ts';
import {
  alertsOf,
  change,
  costing,
  dayBudget,
  drain,
  passTime,
  standingOf,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

/** What the base has room for and the candidate has not. */
const SMALL_CAP: Plan = { base: dayBudget('1000'), candidate: dayBudget('1'), share: null };

const ROUTED: Plan = {
  base: dayBudget('1000'),
  candidate: { ...dayBudget('1000'), routes: [{ id: 'cheap', when: {}, use: 'claude-haiku-5-5' }] },
  share: null,
};

/** Turns of sessions of their own until the version that decides changes, at most `most`. How many were refused. */
async function refusedUntilBack(scenario: Rollout, most: number): Promise<number> {
  let refused = 0;
  for (let turns = 0; turns < most; turns += 1) {
    const { reply } = await turn(scenario, { session: freshSession() }, 0.01);
    if (reply.status === 'refused') refused += 1;
    if ((await versionOf(scenario, freshSession())) === 1) return refused;
  }
  return refused;
}

/** Has version 3 wait to go live in so many ms. */
async function schedule(scenario: Rollout, inMs: number): Promise<void> {
  const { id } = scenario;
  const document = dayBudget('500');
  const values = [id, JSON.stringify(document), await signedPolicy(id, 3, document)];
  const at = new Date(Date.now() + inMs).toISOString();
  await change(
    scenario,
    env.DB.prepare(
      `INSERT INTO policy_versions (cost_center, version, state, document, warnings, created_at, signed, activate_at)
       VALUES (?, 3, 'scheduled', ?, '[]', '', ?, ?)`,
    ).bind(...values, at),
    env.DB.prepare('UPDATE cost_centers SET scheduled_policy_version = 3 WHERE id = ?').bind(id),
  );
}

describe('a cap that refuses what the version before would serve', () => {
  test('is taken back within 20 refusals, from the next turn on', async () => {
    const scenario = await rollOut(SMALL_CAP);
    await turn(scenario, { session: freshSession() }, 2);
    const refused = await refusedUntilBack(scenario, 40);
    expect(refused).toBeGreaterThanOrEqual(5);
    expect(refused).toBeLessThanOrEqual(20);
    const { reply } = await turn(scenario, { session: freshSession() }, 0.01);
    expect(reply).toMatchObject({ status: 'admitted', standing: { limitNanoUsd: 1000e9 } });
  });

  test('leaves its evidence in the wallet and, once, in D1; the manager is told once', async () => {
    const scenario = await rollOut(SMALL_CAP);
    const { id, wallet, rollout } = scenario;
    await turn(scenario, { session: freshSession() }, 2);
    const refused = await refusedUntilBack(scenario, 40);
    const evidence = { signal: 'refusals', turns: refused + 1, bad: refused, trips_at: 400_000 };
    const figures = await wallet.guard({ id: rollout, version: 2, baseVersion: 1 });
    expect(figures.trip).toMatchObject({ rollout, version: 2, base_version: 1, evidence });
    expect(figures.trip?.evidence.bad_turns).toHaveLength(refused);
    expect(figures.trip?.evidence.e_value).toBeGreaterThanOrEqual(400_000);
    const [trip, ...more] = await tripsOf(scenario);
    expect(more).toEqual([]);
    expect(trip).toMatchObject({ rollout, version: 2, base_version: 1, signal: 'refusals' });
    expect(JSON.parse(trip?.evidence ?? '')).toEqual(figures.trip?.evidence);
    await turn(scenario, { session: freshSession() }, 0.01);
    await drain(wallet);
    const told = (await alertsOf(id)).filter(({ on }) => on === 'policy_rolled_back');
    expect(told).toMatchObject([{ subject: 'version 2', developer: null, session: null }]);
    expect(JSON.parse(told[0]?.standing ?? '')).toMatchObject({
      version: 2,
      rolled_back_to: 1,
      signal: 'refusals',
    });
  });

  test('ends the schedule that was to take its place', async () => {
    const scenario = await rollOut(SMALL_CAP);
    await schedule(scenario, 3_600_000);
    await turn(scenario, { session: freshSession() }, 2);
    await refusedUntilBack(scenario, 40);
    passTime(3_600_000);
    expect(await versionOf(scenario, freshSession())).toBe(1);
  });

  test('is not taken back once another version has taken its place', async () => {
    const scenario = await rollOut(ROUTED);
    await schedule(scenario, 3_600_000);
    const opened: { turnId: string; session: string }[] = [];
    for (let turns = 0; turns < 20; turns += 1) {
      const session = freshSession();
      opened.push({ ...(await open(scenario, { session })), session });
    }
    passTime(3_600_000);
    for (const { turnId } of opened) {
      await scenario.wallet.reopen({ turnId, attempt: 1, cause: { kind: 'model_refused', remember: true } });
    }
    expect(await versionOf(scenario, freshSession())).toBe(3);
    expect(await tripsOf(scenario)).toEqual([]);
  });

  test('counts a session once, however often it comes back', async () => {
    const scenario = await rollOut(SMALL_CAP);
    const session = freshSession();
    await turn(scenario, { session }, 2);
    for (let tries = 0; tries < 30; tries += 1) await turn(scenario, { session }, 0.01);
    expect(await versionOf(scenario, session)).toBe(2);
    expect(await tripsOf(scenario)).toEqual([]);
  });

  test('stays where refusals are switched off, and is counted all the same', async () => {
    const scenario = await rollOut({ ...SMALL_CAP, guards: ['upstream_400s'] });
    await turn(scenario, { session: freshSession() }, 2);
    expect(await refusedUntilBack(scenario, 25)).toBe(25);
    const { wallet, rollout } = scenario;
    const figures = await wallet.guard({ id: rollout, version: 2, baseVersion: 1 });
    expect(figures.trip).toBeNull();
    expect(figures.signals.find(({ signal }) => signal === 'refusals')?.candidate.bad).toBe(25);
  });

  test('stays once its watch is over', async () => {
    const scenario = await rollOut(SMALL_CAP);
    passTime(7 * 86_400_000);
    await turn(scenario, { session: freshSession() }, 2);
    expect(await refusedUntilBack(scenario, 25)).toBe(25);
  });

  test('ends as a canary: its sessions are decided over by the live version again', async () => {
    const share = 300_000;
    const scenario = await rollOut({ ...SMALL_CAP, share });
    await turn(scenario, { session: sessionOf(share, false) }, 2);
    for (let turns = 0; turns < 20; turns += 1) {
      await turn(scenario, { session: sessionOf(share, true) }, 0.01);
      await turn(scenario, { session: sessionOf(share, false) }, 0.01);
    }
    expect(await versionOf(scenario, sessionOf(share, true))).toBe(1);
    expect(await tripsOf(scenario)).toHaveLength(1);
  });
});

test('a budget that runs out under both versions takes neither back', async () => {
  const candidate = { ...dayBudget('1'), routes: [{ id: 'cheap', when: {}, use: 'claude-haiku-5-5' }] };
  const scenario = await rollOut({ base: dayBudget('1'), candidate, share: null });
  await turn(scenario, { session: freshSession() }, 2);
  expect(await refusedUntilBack(scenario, 30)).toBe(30);
  const { wallet, rollout } = scenario;
  const { signals } = await wallet.guard({ id: rollout, version: 2, baseVersion: 1 });
  expect(signals.map(({ candidate: { bad } }) => bad)).toEqual([0, 0, 0, 0]);
});

/** A turn whose routed model the upstream refuses, and which another one then serves. */
async function failingTurn(scenario: Rollout, session: string): Promise<void> {
  const { turnId, reply } = await open(scenario, { session });
  if (reply.status !== 'admitted') throw new Error(reply.status);
  const attempt = reply.decision === 'route' ? 2 : 1;
  if (attempt === 2)
    await scenario.wallet.reopen({ turnId, attempt: 1, cause: { kind: 'model_refused', remember: true } });
  await scenario.wallet.settle({ ...completed(turnId, costing(0.01)), attempt });
}

test('a route to a model that the upstream refuses is taken back within 20 turns', async () => {
  const scenario = await rollOut(ROUTED);
  let turns = 0;
  for (; turns < 20 && (await versionOf(scenario, freshSession())) === 2; turns += 1) {
    await failingTurn(scenario, freshSession());
  }
  expect(turns).toBeLessThan(20);
  expect(await versionOf(scenario, freshSession())).toBe(1);
  expect(await tripsOf(scenario)).toMatchObject([{ signal: 'upstream_400s' }]);
});

describe('tool calls after a route', () => {
  /** Sessions of three turns each, whose tools fail or not; how many turns there were until it was taken back. */
  async function play(scenario: Rollout, haveFailed: boolean, most: number): Promise<number> {
    for (let sessions = 0; sessions < most; sessions += 1) {
      const session = freshSession();
      await turn(scenario, { session }, 0.01);
      await turn(scenario, { session, toolResultsFailed: haveFailed, toolsUsed: ['Bash'] }, 0.01);
      await turn(scenario, { session, toolResultsFailed: haveFailed, toolsUsed: ['Bash'] }, 0.01);
      if ((await versionOf(scenario, freshSession())) === 1) return sessions + 1;
    }
    return most;
  }

  test('that fail take the version back within 20 of them', async () => {
    const scenario = await rollOut(ROUTED);
    expect(await play(scenario, true, 12)).toBeLessThanOrEqual(10);
    expect(await tripsOf(scenario)).toMatchObject([{ signal: 'outcome_errors' }]);
  });

  test('that succeed take nothing back', async () => {
    const scenario = await rollOut(ROUTED);
    await play(scenario, false, 12);
    const { wallet, rollout } = scenario;
    const { signals, trip } = await wallet.guard({ id: rollout, version: 2, baseVersion: 1 });
    expect(trip).toBeNull();
    expect(signals.map(({ candidate: { bad } }) => bad)).toEqual([0, 0, 0, 0]);
    expect(signals.find(({ signal }) => signal === 'outcome_errors')?.candidate.turns).toBe(24);
  });
});

test('a request for more counts where the version before would have left the developer better off', async () => {
  const scenario = await rollOut(SMALL_CAP);
  const { id, wallet, rollout } = scenario;
  const session = freshSession();
  await turn(scenario, { session }, 0.5);
  await wallet.requested(id, keyIdOf(id), 'increase_1', session);
  const asked = async () => {
    const { signals } = await wallet.guard({ id: rollout, version: 2, baseVersion: 1 });
    return signals.find(({ signal }) => signal === 'increase_requests')?.candidate;
  };
  expect(await asked()).toEqual({ turns: 1, bad: 0 });
  await turn(scenario, { session }, 1);
  await wallet.requested(id, keyIdOf(id), 'increase_2', null);
  await wallet.requested(id, keyIdOf(id), 'increase_3', null);
  expect(await asked()).toEqual({ turns: 3, bad: 1 });
  // In an incident no budget stands in the way, so nobody asks because of one.
  const exempt = env.DB.prepare('UPDATE cost_centers SET exempt_until = ? WHERE id = ?');
  await change(scenario, exempt.bind('2099-01-01T00:00:00.000Z', id));
  await wallet.requested(id, keyIdOf(id), 'increase_4', session);
  expect(await asked()).toEqual({ turns: 3, bad: 1 });
});

test('a guard that cannot look on keeps no turn waiting and no money unsettled', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => logged.mockRestore());
  const scenario = await rollOut(ROUTED);
  await turn(scenario, { session: freshSession() }, 1);
  await runInDurableObject(scenario.wallet, (_, { storage }) => {
    storage.sql.exec('DROP TABLE guard_turns');
    storage.sql.exec('DROP TABLE guard_threads');
  });
  const session = freshSession();
  const { turnId, reply } = await open(scenario, { session });
  expect(reply).toMatchObject({ status: 'admitted' });
  expect(await standingOf(scenario)).toMatchObject({ settledNanoUsd: 1e9 });
  await scenario.wallet.settle(completed(turnId, costing(2)));
  const charged = await scenario.wallet.settle(completed(turnId, costing(2)));
  if (charged.status !== 'settled') throw new Error(charged.status);
  expect(charged.chargedNanoUsd).toBeGreaterThan(0);
  const settledNanoUsd = 1e9 + charged.chargedNanoUsd;
  expect(await standingOf(scenario)).toMatchObject({ heldNanoUsd: 0, settledNanoUsd });
  expect(logged.mock.calls.map(([each]) => Object(each).message)).toEqual([
    'a guard could not look on',
    'a guard could not look on',
  ]);
});
