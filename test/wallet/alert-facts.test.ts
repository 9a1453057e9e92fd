/** What an alert tells beside the stage: who spent the money, and how long the rest will last. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { AlertContext } from '../../durable-objects/ledger/entry.ts';
import { completed, DEVELOPER, insertKey, openRequest, usd } from '../fixture.ts';
import {
  bringDatabaseBack,
  change,
  costing,
  dayBudget,
  drain,
  ledgerOf,
  openWallet,
  passTime,
  type Scenario,
  setClock,
  takeDatabaseAway,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let turns = 0;

async function spend(
  { id, wallet }: Scenario,
  dollars: number,
  { session, keyId, model }: { session: string; keyId?: string; model?: string },
): Promise<void> {
  turns += 1;
  const asked = openRequest(id, `${id}-${turns}`, { session, ...(model ? { model } : {}) });
  await wallet.open(keyId === undefined ? asked : { ...asked, keyId });
  const usage = costing(dollars);
  await wallet.settle(completed(asked.turnId, model ? { ...usage, model } : usage));
}

interface Told {
  on: string;
  budget: string | null;
  subject: string;
  developer: string | null;
  context: AlertContext | null;
}

async function toldOf({ id, wallet }: Scenario): Promise<Told[]> {
  await drain(wallet);
  const { results } = await env.DB.prepare(
    'SELECT "on", budget, subject, developer, context FROM alert_events WHERE cost_center = ? ORDER BY rowid',
  )
    .bind(id)
    .all<Told & { context: string | null }>();
  return results.map((row) => ({ ...row, context: row.context === null ? null : JSON.parse(row.context) }));
}

describe('a stage that is crossed', () => {
  test('tells the developers, sessions and lines that spent most in the window, dearest first', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id } = scenario;
    const keys = ['b', 'c', 'd'].map((name) => insertKey(id, `${id}-${name}`, `${name}@example.com`, 0));
    await change(scenario, ...keys);
    await spend(scenario, 3, { session: 'one' });
    await spend(scenario, 1, { session: 'two' });
    await spend(scenario, 2, { session: 'three', keyId: `${id}-b` });
    await spend(scenario, 1.5, { session: 'four', keyId: `${id}-c` });
    await spend(scenario, 0.5, { session: 'five', keyId: `${id}-d` });
    const [alert] = await toldOf(scenario);
    expect(alert?.context).toMatchObject({
      top_developers: [
        { developer: DEVELOPER, settled_nano_usd: usd(4) },
        { developer: 'b@example.com', settled_nano_usd: usd(2) },
        { developer: 'c@example.com', settled_nano_usd: usd(1.5) },
      ],
      top_sessions: [
        { session: 'one', developer: DEVELOPER, settled_nano_usd: usd(3) },
        { session: 'three', developer: 'b@example.com', settled_nano_usd: usd(2) },
        { session: 'four', developer: 'c@example.com', settled_nano_usd: usd(1.5) },
      ],
      top_lines: [{ line: 'opus', settled_nano_usd: usd(8) }],
    });
  });

  test('tells of a developer’s budget only what that developer spent', async () => {
    const scenario = await openWallet({
      budgets: [{ id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '10' }],
    });
    const { id } = scenario;
    await change(scenario, insertKey(id, `${id}-b`, 'b@example.com', 0));
    await spend(scenario, 5, { session: 'theirs', keyId: `${id}-b` });
    await spend(scenario, 8, { session: 'mine' });
    const [alert] = await toldOf(scenario);
    expect(alert?.context?.top_developers).toEqual([{ developer: DEVELOPER, settled_nano_usd: usd(8) }]);
    expect(alert?.context?.top_sessions.map(({ session }) => session)).toEqual(['mine']);
  });

  test('tells the pace of the last hour and when the limit is reached at it', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await spend(scenario, 4, { session: 'morning' });
    passTime(4 * HOUR_MS);
    await spend(scenario, 2, { session: 'afternoon' });
    passTime(HOUR_MS);
    await spend(scenario, 2, { session: 'afternoon' });
    const [alert] = await toldOf(scenario);
    // 4 USD since 16:00, and 2 are left at 17:00.
    expect(alert?.context?.pace_nano_usd_an_hour).toBe(usd(4));
    expect(alert?.context?.runs_out_at).toBe('2035-06-13T17:30:00.000Z');
  });

  test('tells no end where the window is over before', async () => {
    const scenario = await openWallet(dayBudget('100'));
    await spend(scenario, 78, { session: 'noon' });
    setClock('2035-06-13T22:00:00.000Z');
    await spend(scenario, 3, { session: 'night' });
    expect((await toldOf(scenario))[0]?.context?.runs_out_at).toBeNull();
  });
});

describe('a projection', () => {
  /** Four weeks in which Wednesday takes 12 USD, 2 each even hour from 8 to 18 o'clock. */
  async function fourWeeks(scenario: Scenario): Promise<void> {
    for (let week = 4; week > 0; week -= 1) {
      for (let hour = 8; hour < 20; hour += 2) {
        setClock(new Date(Date.UTC(2035, 5, 13, hour, 5) - week * 7 * DAY_MS).toISOString());
        await spend(scenario, 2, { session: `week-${week}` });
      }
    }
  }

  async function today(scenario: Scenario, hours: readonly number[]): Promise<void> {
    for (const hour of hours) {
      setClock(new Date(Date.UTC(2035, 5, 13, hour, 5)).toISOString());
      await spend(scenario, 2, { session: 'today' });
    }
  }

  test('is told once, before the budget runs out, with the time at which it will', async () => {
    const scenario = await openWallet(dayBudget('11', { stages: [{ at: '1.00', do: 'pause' }] }));
    await fourWeeks(scenario);
    await today(scenario, [8, 10, 12]);
    const told = await toldOf(scenario);
    await today(scenario, [14]);
    await toldOf(scenario);
    const projections = (await toldOf(scenario)).filter(
      ({ on, context }) => on === 'projection' && context?.runs_out_at?.startsWith('2035-06-13'),
    );
    expect(projections).toHaveLength(1);
    expect(told.at(-1)).toMatchObject({ on: 'projection', budget: 'team-day', subject: scenario.id });
    expect(projections[0]?.context?.runs_out_at).toMatch(/^2035-06-13T1[68]:/);
  });

  test('that fails keeps no entry from the ledger', async () => {
    const failed = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => failed.mockRestore());
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await spend(scenario, 6, { session: 'one' });
    const rename = (from: string, to: string) =>
      runInDurableObject(wallet, (_, { storage }) =>
        storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`).toArray(),
      );
    await rename('spend', 'spend_away');
    await runDurableObjectAlarm(wallet);
    await rename('spend_away', 'spend');
    expect(failed).toHaveBeenCalledWith(
      expect.objectContaining({ message: 'budgets could not be projected' }),
    );
    expect(await ledgerOf(id)).toHaveLength(1);
  });

  test('is not told where the day stays within the limit', async () => {
    const scenario = await openWallet(dayBudget('20'));
    await fourWeeks(scenario);
    await today(scenario, [8, 10, 12, 14, 16]);
    expect((await toldOf(scenario)).filter(({ on }) => on === 'projection')).toEqual([]);
  });
});

test('a ledger that lags is told of once it answers again, and once an hour', async () => {
  const scenario = await openWallet(dayBudget('100'));
  await spend(scenario, 1, { session: 'one' });
  await toldOf(scenario);
  await takeDatabaseAway();
  await spend(scenario, 1, { session: 'two' });
  for (const minutes of [0, 6, 12]) {
    passTime(minutes * 60_000);
    await runDurableObjectAlarm(scenario.wallet);
  }
  await bringDatabaseBack();
  passTime(60_000);
  const lag = (await toldOf(scenario)).filter(({ on }) => on === 'ledger_lag');
  expect(lag).toMatchObject([{ subject: scenario.id, developer: null }]);
});
