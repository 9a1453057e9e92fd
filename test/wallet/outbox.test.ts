import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { WalletAudit } from '../../durable-objects/wallet/audit.ts';
import { Outbox } from '../../durable-objects/wallet/outbox.ts';
import { completed, openRequest, usd } from '../fixture.ts';
import {
  alarmAt,
  bringDatabaseBack,
  costing,
  dayBudget,
  drain,
  ledgerOf,
  openWallet,
  outboxDepth,
  passTime,
  type Scenario,
  standingOf,
  takeDatabaseAway,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

async function wholeTurn({ id, wallet }: Scenario, turnId: string, dollars = 0.01): Promise<void> {
  await wallet.open(openRequest(id, turnId, { session: turnId }));
  await wallet.settle(completed(turnId, costing(dollars)));
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

describe('an entry', () => {
  test('reaches D1 within 5 s by itself', async () => {
    vi.useRealTimers();
    const scenario = await openWallet(dayBudget('10'));
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    const settledMs = Date.now();
    await scenario.wallet.settle(completed('t', costing(1)));
    const entries = await vi.waitUntil(
      async () => {
        const found = await ledgerOf(scenario.id);
        return found.length > 0 && found;
      },
      { timeout: 10_000, interval: 50 },
    );
    expect(entries).toMatchObject([{ charged_nano_usd: usd(1) }]);
    expect(Date.now() - settledMs).toBeLessThan(5_000);
  });

  test('is due a second after it was written, whatever lease the alarm was set to', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await scenario.wallet.open(openRequest(scenario.id, 'running'));
    await wholeTurn(scenario, 'settled');
    expect(await alarmAt(scenario.wallet)).toBe(Date.now() + 1_000);
  });

  test('is written once, in the order of settlement', async () => {
    const scenario = await openWallet(dayBudget('10'));
    for (const index of range(12)) {
      await wholeTurn(scenario, `t${index}`);
      if (index % 5 === 4) await runDurableObjectAlarm(scenario.wallet);
    }
    await drain(scenario.wallet);
    const { results } = await env.DB.prepare(
      'SELECT turn_id, settle_seq FROM ledger_entries WHERE cost_center = ? ORDER BY rowid',
    )
      .bind(scenario.id)
      .all();
    expect(results).toEqual(range(12).map((index) => ({ turn_id: `t${index}`, settle_seq: index + 1 })));
  });

  test('survives an eviction before it was sent', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await wholeTurn(scenario, 't');
    await evictDurableObject(scenario.wallet);
    await drain(scenario.wallet);
    expect(await ledgerOf(scenario.id)).toHaveLength(1);
  });

  test.each([
    ['a NUL', 'a\u0000b'],
    ['half a surrogate pair', 'a\ud800b'],
    ['quotes and backslashes', `'"\\'--`],
    ['JSON', '{"$":[1]}'],
    ['other scripts', '目次 🧮 Ωμέγα'],
  ])('of a session named with %s does not keep the others from D1', async (_, session) => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(
      openRequest(id, 'odd', { session, model: `model-${session}`, toolsOffered: [session] }),
    );
    await wallet.settle(completed('odd', costing(1)));
    await wholeTurn(scenario, 'next');
    await drain(wallet);
    expect((await ledgerOf(id)).map((entry) => entry.turn_id)).toEqual(['odd', 'next']);
  });
});

describe('D1 away for an hour', () => {
  test('stops no turn, and afterwards each entry is there once', async () => {
    const scenario = await openWallet(dayBudget('100'));
    await wholeTurn(scenario, 'before');
    await takeDatabaseAway();
    for (const minute of range(60)) {
      passTime(60_000);
      await wholeTurn(scenario, `minute-${minute}`, 0.5);
      await runDurableObjectAlarm(scenario.wallet);
      if (minute === 30) await evictDurableObject(scenario.wallet);
    }
    expect(await standingOf(scenario)).toMatchObject({ settledNanoUsd: usd(30.01), heldNanoUsd: 0 });
    // With them the alerts of a ledger that lags, one an hour.
    expect(await outboxDepth(scenario.wallet)).toBe(61 + 2);
    await bringDatabaseBack();
    passTime(60_000);
    await drain(scenario.wallet);
    const entries = await ledgerOf(scenario.id);
    expect(entries.map((entry) => entry.turn_id)).toEqual([
      'before',
      ...range(60).map((minute) => `minute-${minute}`),
    ]);
    expect(entries.reduce((sum, entry) => sum + entry.charged_nano_usd, 0)).toBe(usd(30.01));
  });

  test('is asked again after at most half a minute', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await wholeTurn(scenario, 't');
    await takeDatabaseAway();
    const waits: number[] = [];
    for (const _ of range(9)) {
      await runDurableObjectAlarm(scenario.wallet);
      const nextMs = (await alarmAt(scenario.wallet)) ?? Number.NaN;
      waits.push(nextMs - Date.now());
      passTime(nextMs - Date.now());
    }
    await bringDatabaseBack();
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30, 30].map((seconds) => seconds * 1_000));
  });

  test('does not put off the leases', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await wholeTurn(scenario, 'before');
    await scenario.wallet.open(openRequest(scenario.id, 'lost'));
    await takeDatabaseAway();
    passTime(30_000);
    await runDurableObjectAlarm(scenario.wallet);
    await bringDatabaseBack();
    expect(await scenario.wallet.holds()).toEqual([]);
  });
});

describe('a batch', () => {
  test('that D1 took although the answer was lost is stored once', async () => {
    const scenario = await openWallet(dayBudget('1'));
    for (const index of range(3)) await wholeTurn(scenario, `t${index}`, 0.27);
    const sent = await documentsOf(scenario);
    await drain(scenario.wallet);
    await putBack(scenario, sent);
    await wholeTurn(scenario, 't3');
    await drain(scenario.wallet);
    expect((await ledgerOf(scenario.id)).map((entry) => entry.turn_id)).toEqual(['t0', 't1', 't2', 't3']);
    const alerts = env.DB.prepare('SELECT count(*) AS alerts FROM alert_events WHERE cost_center = ?');
    const told = sent.filter(({ destination }) => destination === 'alerts').length;
    expect(told).toBeGreaterThan(0);
    expect(await alerts.bind(scenario.id).first('alerts')).toBe(told);
  });

  test('is bounded: a thousand entries an alarm, the rest in the next one at once', async () => {
    const scenario = await openWallet(null);
    await wholeTurn(scenario, 't');
    const [entry] = await documentsOf(scenario);
    const copies = range(1_099).map((index) => ({
      destination: 'ledger',
      document: JSON.stringify({ ...JSON.parse(entry?.document ?? ''), entry_id: `${scenario.id}-${index}` }),
    }));
    await putBack(scenario, copies);
    await runDurableObjectAlarm(scenario.wallet);
    expect(await outboxDepth(scenario.wallet)).toBe(100);
    expect(await alarmAt(scenario.wallet)).toBe(Date.now());
    await drain(scenario.wallet);
    expect(await ledgerOf(scenario.id)).toHaveLength(1_100);
  });

  test.each([
    ['ASCII', 'x'],
    ['three-byte characters', '目'],
  ])('of large entries in %s fits a parameter of D1', async (_, character) => {
    const scenario = await openWallet(dayBudget('0', { stages: [{ at: '1.00', do: 'pause' }] }));
    const toolsOffered = range(400).map((index) => `${index}`.padEnd(200, character));
    for (const index of range(30)) {
      await scenario.wallet.open(openRequest(scenario.id, `${scenario.id}-${index}`, { toolsOffered }));
    }
    const sizes: number[] = [];
    await runInDurableObject(scenario.wallet, async (_instance, { storage }) => {
      const outbox = new Outbox(storage.sql, new WalletAudit(storage.sql, Date.now()), Date.now());
      while (outbox.depth() > 0) await outbox.drain(measured(env.DB, sizes), () => Date.now());
    });
    expect(Math.max(...sizes)).toBeLessThan(2_000_000);
    expect(await ledgerOf(scenario.id)).toHaveLength(30);
  });
});

/** D1 that notes how many bytes each parameter has. */
function measured(db: D1Database, sizes: number[]): D1Database {
  const prepare = (query: string): D1PreparedStatement =>
    new Proxy(db.prepare(query), {
      get: (statement, name) =>
        name !== 'bind'
          ? Reflect.get(statement, name)
          : (...values: unknown[]) => {
              sizes.push(...values.map((value) => new TextEncoder().encode(String(value)).byteLength));
              return statement.bind(...values);
            },
    });
  return new Proxy(db, {
    get: (target, name) => (name === 'prepare' ? prepare : Reflect.get(target, name).bind(target)),
  });
}

interface OutboxDocument extends Record<string, SqlStorageValue> {
  destination: string;
  document: string;
}

async function documentsOf({ wallet }: Scenario): Promise<OutboxDocument[]> {
  return await runInDurableObject(wallet, (_, { storage }) =>
    storage.sql.exec<OutboxDocument>('SELECT destination, document FROM outbox ORDER BY sequence').toArray(),
  );
}

/** As a wallet killed between D1's commit and its own: what was sent is still there to send. */
async function putBack({ wallet }: Scenario, sent: readonly OutboxDocument[]): Promise<void> {
  await runInDurableObject(wallet, (_, { storage }) => {
    for (const { destination, document } of sent) {
      storage.sql.exec('INSERT INTO outbox (destination, document) VALUES (?, ?)', destination, document);
    }
  });
  await evictDurableObject(wallet);
}
