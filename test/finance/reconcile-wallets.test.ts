import { createScheduledController, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Env } from '../../worker/bindings.ts';
import worker from '../../worker/index.ts';
import { completed, DEVELOPER, openRequest, usd, walletStub } from '../fixture.ts';
import { call, rows } from '../routes/admin/admin-calls.ts';
import {
  alertsOf,
  costing,
  drain,
  ledgerOf,
  openWallet,
  passTime,
  type Scenario,
  setClock,
  useFakeClock,
} from '../wallet/scenario.ts';

const NOON = '2035-06-13T12:00:00.000Z';
useFakeClock(NOON);

const DAY = '2035-06-13';
const DAY_MS = 86_400_000;

/** Runs `statement` with the ledger's own guards away: what nobody is meant to be able to do. */
async function behindTheBack(statement: string, ...values: (string | number)[]): Promise<void> {
  const query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'";
  const { results } = await env.DB.prepare(query).all<{ name: string; sql: string }>();
  await env.DB.batch([
    ...results.map(({ name }) => env.DB.prepare(`DROP TRIGGER ${name}`)),
    env.DB.prepare(statement).bind(...values),
    ...results.map(({ sql }) => env.DB.prepare(sql)),
  ]);
}

beforeEach(async () => {
  for (const table of ['ledger_entries', 'alert_events', 'reconciliations', 'reconciliation_progress']) {
    await behindTheBack(`DELETE FROM ${table}`);
  }
  // Cost centers of the tests before have wallets whose entries are gone now.
  await behindTheBack('DELETE FROM virtual_keys');
  await behindTheBack('DELETE FROM cost_centers');
});

let turns = 0;

/** A settled turn of this many dollars. */
async function spend({ id, wallet }: Scenario, dollars: number): Promise<string> {
  turns += 1;
  const turnId = `turn-${turns}`;
  await wallet.open(openRequest(id, turnId));
  await wallet.settle(completed(turnId, costing(dollars)));
  return turnId;
}

/** A wallet with three turns of today, all in the ledger; then it is the next morning. */
async function squadWithSpend(): Promise<Scenario> {
  setClock(NOON);
  const squad = await openWallet(null);
  for (const dollars of [1, 2, 4]) await spend(squad, dollars);
  await drain(squad.wallet);
  setClock('2035-06-14T00:23:00.000Z');
  return squad;
}

/** Puts a copy of an entry of the cost center into the ledger, with these columns (SQL) in place of its own. */
async function copyEntry(costCenter: string, changes: Record<string, string>): Promise<void> {
  const query = "SELECT name FROM pragma_table_info('ledger_entries')";
  const { results } = await env.DB.prepare(query).all<{ name: string }>();
  const names = results.map(({ name }) => name);
  const values = names.map((name) => changes[name] ?? name);
  await behindTheBack(
    `INSERT INTO ledger_entries (${names.join(', ')}) SELECT ${values.join(', ')} FROM ledger_entries WHERE cost_center = ? LIMIT 1`,
    costCenter,
  );
}

interface Shown {
  id: string;
  level: string;
  result: string;
  developer: string | null;
  evidence: Record<string, unknown>;
}

async function run(body: object = {}): Promise<{ records: Shown[]; pending: unknown[] }> {
  const answer = await call('POST', '/reconciliations/run', { kind: 'wallets', ...body });
  expect(answer.status).toBe(200);
  return { records: rows(answer) as Shown[], pending: Object(answer.body).pending };
}

async function runSchedule(bindings: Partial<Env> = {}): Promise<void> {
  await worker.scheduled(createScheduledController(), { ...(env as unknown as Env), ...bindings });
}

async function kept(): Promise<Shown[]> {
  return rows(await call('GET', '/reconciliations?kind=wallets')) as Shown[];
}

describe('the wallet’s totals', () => {
  test('are by day and developer, to the quarter-hour, and say what is on its way to D1', async () => {
    const squad = await openWallet(null);
    await spend(squad, 1);
    passTime(DAY_MS);
    await spend(squad, 2);
    const midnight = Date.parse(DAY);
    const totals = await squad.wallet.totals(squad.id, midnight, midnight + 2 * DAY_MS);
    expect(totals).toEqual({
      costCenter: squad.id,
      settledNanoUsd: usd(3),
      developers: [{ developer: DEVELOPER, settledNanoUsd: usd(3) }],
      days: [
        { day: DAY, developer: DEVELOPER, settledNanoUsd: usd(1) },
        { day: '2035-06-14', developer: DEVELOPER, settledNanoUsd: usd(2) },
      ],
      undrainedEntries: 2,
      outboxDepth: 2,
      oldestUndrainedAt: NOON,
    });
    const noon = Date.parse(NOON);
    expect(await squad.wallet.totals(squad.id, midnight, noon)).toMatchObject({
      days: [],
      undrainedEntries: 0,
    });
    await drain(squad.wallet);
    expect(await squad.wallet.totals(squad.id, noon, noon + 900_000)).toMatchObject({
      settledNanoUsd: usd(1),
      undrainedEntries: 0,
      outboxDepth: 0,
      oldestUndrainedAt: null,
    });
  });
});

describe('a ledger that says what its wallets say', () => {
  test('is one quiet summary, with demo traffic and today’s spend aside', async () => {
    const squad = await squadWithSpend();
    await spend(squad, 8);
    await copyEntry(squad.id, { entry_id: "'made-up'", provider: "'demo'" });
    const { records, pending } = await run();
    expect(records).toMatchObject([
      {
        level: 'summary',
        result: 'agrees',
        ledger_usd: '7.00',
        counterpart_usd: '7.00',
        window_start: '2035-05-10T00:00:00.000Z',
        window_end: '2035-06-14T00:00:00.000Z',
        evidence: { compared: 1, differing: 0, not_compared: 0 },
      },
    ]);
    expect(pending).toEqual([]);
    expect(await alertsOf(squad.id)).toEqual([]);
    expect((await run()).records[0]?.id).toBe(records[0]?.id);
  });

  test('is compared by the clock once a day', async () => {
    await squadWithSpend();
    await runSchedule();
    passTime(3_600_000);
    await runSchedule();
    expect(await kept()).toMatchObject([{ level: 'summary', result: 'agrees' }]);
    passTime(DAY_MS);
    await runSchedule();
    expect(await kept()).toHaveLength(2);
  });
});

describe('an incident', () => {
  test('is a row that is gone from the ledger, with the gap in its numbering and one alert', async () => {
    const squad = await squadWithSpend();
    const [, lost] = await ledgerOf(squad.id);
    await behindTheBack('DELETE FROM ledger_entries WHERE entry_id = ?', lost?.entry_id ?? '');
    await runSchedule();
    const [summary, finding] = await kept();
    expect(summary).toMatchObject({ result: 'differs', evidence: { compared: 1, differing: 1 } });
    expect(finding).toMatchObject({
      kind: 'wallets',
      level: 'detail',
      result: 'differs',
      cost_center: squad.id,
      developer: DEVELOPER,
      window_start: `${DAY}T00:00:00.000Z`,
      window_end: '2035-06-14T00:00:00.000Z',
      ledger_usd: '5.00',
      counterpart_usd: '7.00',
      difference_usd: '2.00',
      evidence: {
        cost_center: { ledger_usd: '5.00', wallet_usd: '7.00' },
        entries: { count: 2 },
        numbering: { gaps: [{ after: 1, before: 3 }], repeated: [] },
      },
    });
    const told = { on: 'reconciliation', developer: DEVELOPER, subject: DEVELOPER };
    expect(await alertsOf(squad.id)).toMatchObject([{ ...told, event_id: finding?.id }]);
    // Found again on the next day it is the same finding, and nothing was repaired.
    passTime(DAY_MS);
    await runSchedule();
    expect((await kept()).filter(({ level }) => level === 'detail')).toHaveLength(1);
    expect(await alertsOf(squad.id)).toHaveLength(1);
    expect(await ledgerOf(squad.id)).toHaveLength(2);
  });

  test('is a row that was put into the ledger, to the nano-USD, and ends when it is taken out', async () => {
    const squad = await squadWithSpend();
    await copyEntry(squad.id, { entry_id: "'forged'", charged_nano_usd: '1' });
    const { records } = await run({ day: DAY });
    expect(records[0]).toMatchObject({
      result: 'differs',
      difference_usd: '-0.000000001',
      evidence: { entries: { count: 4 }, numbering: { gaps: [], repeated: [1] } },
    });
    await behindTheBack("DELETE FROM ledger_entries WHERE entry_id = 'forged'");
    expect((await run({ day: DAY })).records).toMatchObject([
      { level: 'detail', result: 'agrees', ledger_usd: '7.00', developer: DEVELOPER },
      { level: 'summary', result: 'agrees' },
    ]);
    const list = await call('GET', `/reconciliations?cost_center=${squad.id}`);
    expect(rows(list)).toMatchObject([{ result: 'agrees' }, { result: 'differs' }]);
    expect(await alertsOf(squad.id)).toHaveLength(1);
  });

  test('is money that moved to another developer or day, though the sums are the same', async () => {
    const squad = await squadWithSpend();
    const [first] = await ledgerOf(squad.id);
    const update = 'UPDATE ledger_entries SET admitted_at = ?, developer = ? WHERE entry_id = ?';
    await behindTheBack(update, '2035-06-12T12:00:00.000Z', 'else@example.com', first?.entry_id ?? '');
    const { records } = await run();
    expect(records.map((each) => [each.level, each.developer, each.result])).toEqual([
      ['detail', 'else@example.com', 'differs'],
      ['detail', DEVELOPER, 'differs'],
      ['summary', null, 'differs'],
    ]);
  });

  test('is an outbox that has not drained for an hour; before that the wallet is left for later', async () => {
    setClock('2035-06-13T23:59:00.000Z');
    const squad = await openWallet(null);
    await spend(squad, 1);
    setClock('2035-06-14T00:23:00.000Z');
    expect(await run()).toMatchObject({
      records: [{ level: 'summary', result: 'agrees', evidence: { compared: 0, not_compared: 1 } }],
      pending: [{ kind: 'wallets', day: DAY, why: expect.stringContaining(squad.id) }],
    });
    setClock('2035-06-14T01:23:00.000Z');
    expect((await run()).records[0]).toMatchObject({
      result: 'undrained',
      cost_center: squad.id,
      developer: null,
      ledger_usd: '0.00',
      counterpart_usd: '1.00',
      evidence: { undrained_entries: 1, oldest_undrained_at: '2035-06-13T23:59:00.000Z' },
    });
    await drain(squad.wallet);
    expect((await run()).records[0]).toMatchObject({ level: 'detail', result: 'agrees', ledger_usd: '1.00' });
    expect(await alertsOf(squad.id)).toMatchObject([{ on: 'reconciliation', subject: squad.id }]);
  }, 30_000);

  test('is a wallet that lost its spend', async () => {
    const squad = await squadWithSpend();
    await runInDurableObject(
      walletStub(squad.id),
      (_, { storage }) => void storage.sql.exec('DELETE FROM spend'),
    );
    expect((await run()).records[0]).toMatchObject({ result: 'differs', difference_usd: '-7.00' });
  });
});

test('a run takes a bounded number of cost centers, and the next one goes on there', async () => {
  const insert = `INSERT INTO cost_centers (id, name, timezone, revision, created_at, updated_at)
    SELECT 'many-' || printf('%03d', value), 'Many', 'UTC', 1, '2035-01-01', '2035-01-01' FROM json_each(?)`;
  await env.DB.prepare(insert)
    .bind(JSON.stringify(Array.from({ length: 205 }, (_, each) => each)))
    .run();
  const answered = { days: [], developers: [], settledNanoUsd: 0, undrainedEntries: 0, outboxDepth: 0 };
  const asked: string[] = [];
  const totals = async (costCenter: string) => {
    asked.push(costCenter);
    if (costCenter === 'many-007') throw new Error('overloaded');
    return { costCenter, oldestUndrainedAt: null, ...answered };
  };
  const WALLET = { idFromName: String, get: () => ({ totals }) } as unknown as Env['WALLET'];
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  onTestFinished(() => warned.mockRestore());
  const partial = await call('POST', '/reconciliations/run', { kind: 'wallets' }, { WALLET });
  expect(partial.body).toMatchObject({
    data: [],
    pending: [{}, { why: expect.stringContaining('many-199') }],
  });
  asked.length = 0;
  await runSchedule({ WALLET });
  expect(new Set(asked).size).toBe(200);
  expect(await kept()).toEqual([]);
  asked.length = 0;
  await runSchedule({ WALLET });
  expect(new Set(asked)).toEqual(new Set(['many-200', 'many-201', 'many-202', 'many-203', 'many-204']));
  expect(await kept()).toMatchObject([
    {
      level: 'summary',
      result: 'agrees',
      evidence: { compared: 204, not_compared: 1, not_compared_cost_centers: ['many-007'] },
    },
  ]);
}, 30_000);

test('records are never changed, deleted or replaced', async () => {
  await squadWithSpend();
  await run();
  const refused = ["UPDATE reconciliations SET result = 'agrees'", 'DELETE FROM reconciliations'];
  for (const statement of refused) {
    await expect(env.DB.prepare(statement).run()).rejects.toThrow('reconciliations are never');
  }
  const before = await kept();
  const replace = `INSERT OR REPLACE INTO reconciliations (reconciliation_id, kind, level, subject, result, recorded_at,
    window_start, window_end, ledger_nano_usd, counterpart_nano_usd, evidence)
    SELECT reconciliation_id, kind, level, subject, 'differs', recorded_at, window_start, window_end, 0, 0, '{}'
    FROM reconciliations`;
  await env.DB.prepare(replace).run();
  expect(await kept()).toEqual(before);
});
