import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { type Anchor, readAnchor } from '../../durable-objects/ledger/audit-anchor.ts';
import { type Env, readBindings } from '../../worker/bindings.ts';
import { type Anchored, anchor } from '../../worker/finance/audit-anchoring.ts';
import { rollUpDays } from '../../worker/finance/roll-up.ts';
import { completed, createCostCenter, openRequest, walletStub } from '../fixture.ts';
import { call, makeCostCenter } from '../routes/admin/admin-calls.ts';
import { addEntries, entryOf } from '../routes/admin/ledger-rows.ts';
import { costing } from '../wallet/scenario.ts';

let ids = 0;

/** A name no other file has: a wallet can outlive the emptying of D1 between files, and its chain would go on. */
function freshId(): string {
  ids += 1;
  return `anchored-squad-${ids}`;
}

const DAY_MS = 86_400_000;
/** Long over for every day that tests write. */
const LATER = Date.UTC(2099, 0, 2, 1);

async function run(nowMs: number): Promise<Anchored> {
  const bindings = readBindings(env as unknown as Env);
  if (!bindings.ok) throw new Error(bindings.error);
  await rollUpDays(env.DB, nowMs);
  return await anchor(bindings.value, nowMs);
}

/** The anchors so far, oldest first. */
async function anchors(): Promise<Anchor[]> {
  const query = "SELECT after FROM audit_events WHERE action = 'audit.anchor' ORDER BY sequence";
  const { results } = await env.DB.prepare(query).all<{ after: string }>();
  return results.map(({ after }) => {
    const read = readAnchor(JSON.parse(after));
    if (!read) throw new Error(`no anchor: ${after}`);
    return read.anchor;
  });
}

async function verified(): Promise<unknown> {
  return (await call('GET', '/audit/verify')).body;
}

test('a day is anchored once, with the ledger’s days and the heads of the wallets that moved', async () => {
  const id = freshId();
  await createCostCenter(id, null);
  await walletStub(id).open(openRequest(id, 'turn'));
  await walletStub(id).settle(completed('turn', costing(2)));
  await runDurableObjectAlarm(walletStub(id));
  await makeCostCenter(`${id}-made`);

  const done = await run(LATER);
  expect(done).toMatchObject({ anchors: 1, days: 1, wallets: 1, isComplete: true });
  expect(await run(LATER + 3_600_000)).toMatchObject({ anchors: 0, isComplete: true });
  const [made] = await anchors();
  expect(made).toMatchObject({
    day: '2099-01-01',
    chain: { sequence: 1, hash: done.chain?.hash },
    wallets: [{ cost_center: id, sequence: 1 }],
    ledger: [{ cost_center: id, entries: 1, charged_nano_usd: '2000000000' }],
  });
  // The next day has nothing new but its own anchor.
  expect(await run(LATER + DAY_MS)).toMatchObject({ anchors: 1, days: 0, wallets: 0 });
  expect(await verified()).toMatchObject({ ok: true, complete: true, problems: [] });
});

test('days that were missed are caught up with, and a late entry extends its day', async () => {
  const id = freshId();
  const at = (day: number, hour: number) => new Date(Date.UTC(2030, 0, day, hour)).toISOString();
  const entry = (name: string, day: number, hour: number) =>
    entryOf({
      entry_id: `${id}-${name}`,
      cost_center: id,
      admitted_at: at(day, hour),
      recorded_at: at(day, hour),
      charged_nano_usd: 7,
    });
  await addEntries([entry('a', 1, 8), entry('b', 1, 9), entry('c', 2, 8), entry('d', 3, 8)]);
  expect(await run(Date.UTC(2030, 0, 4, 1))).toMatchObject({ anchors: 1, days: 3 });
  await addEntries([{ ...entry('late', 1, 23), recorded_at: at(2, 1) }]);
  expect(await run(Date.UTC(2030, 0, 4, 2))).toMatchObject({ anchors: 1, days: 1 });
  const [last] = (await anchors()).slice(-1);
  expect(last?.ledger).toEqual([
    expect.objectContaining({ cost_center: id, day: '2030-01-01', entries: 3, charged_nano_usd: '21' }),
  ]);
  expect(last?.ledger[0]).not.toHaveProperty('contradicts');
  expect(await verified()).toMatchObject({ ok: true });
});

test('an entry that was changed behind the triggers is found, also when its day is hashed anew', async () => {
  const id = freshId();
  const admitted_at = '2031-01-01T08:00:00.000Z';
  await addEntries([
    entryOf({ entry_id: `${id}-1`, cost_center: id, admitted_at, recorded_at: admitted_at }),
  ]);
  await run(Date.UTC(2031, 0, 2, 1));
  const trigger = await env.DB.prepare(
    "SELECT sql FROM sqlite_master WHERE name = 'ledger_entries_are_never_changed'",
  ).first<string>('sql');
  await env.DB.prepare('DROP TRIGGER ledger_entries_are_never_changed').run();
  await env.DB.prepare('UPDATE ledger_entries SET charged_nano_usd = 1 WHERE entry_id = ?')
    .bind(`${id}-1`)
    .run();
  await env.DB.prepare(trigger ?? '').run();
  const found = { where: `ledger:${id}`, what: expect.stringContaining('2031-01-01') };
  expect(await verified()).toMatchObject({ ok: false, problems: [found] });

  await env.DB.prepare("UPDATE rollup_days SET rolled_up_at = 'later' WHERE cost_center = ?").bind(id).run();
  await run(Date.UTC(2031, 0, 2, 2));
  const [last] = (await anchors()).slice(-1);
  expect(last?.ledger).toMatchObject([{ cost_center: id, contradicts: { entries: 1 } }]);
  expect(await verified()).toMatchObject({ ok: false });
});

/** Days without entries, as they are once all of them were taken back. */
async function addEmptyDays(id: string, count: number): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO rollup_days (day, cost_center, dirty, entries, rolled_up_at)
     SELECT date('2032-01-01', value || ' days'), ?1, 0, 0, '2040-01-01' FROM json_each(?2)`,
  )
    .bind(id, JSON.stringify(Array.from({ length: count }, (_, at) => at)))
    .run();
}

test('more days than one run looks at are anchored by the next ones, also behind days without news', async () => {
  const id = freshId();
  const nowMs = Date.UTC(2040, 0, 1, 1);
  await addEmptyDays(id, 700);
  await run(nowMs - DAY_MS * 5);
  expect(await run(nowMs)).toMatchObject({ days: 300, isComplete: true });
  // Rolled up anew, all of them, and one behind them is new.
  await env.DB.prepare("UPDATE rollup_days SET rolled_up_at = '2041-01-01' WHERE cost_center = ?")
    .bind(id)
    .run();
  await env.DB.prepare(
    'DELETE FROM anchored_ledger_days WHERE cost_center = ? AND day = (SELECT max(day) FROM anchored_ledger_days WHERE cost_center = ?)',
  )
    .bind(id, id)
    .run();
  await run(nowMs + 3_600_000);
  expect(await run(nowMs + 7_200_000)).toMatchObject({ days: 1, isComplete: true });
});

test('a verification makes few enough calls for one request, and goes on by its cursor', async () => {
  let answer = Object(await verified());
  expect(answer).toMatchObject({ complete: false });
  let calls = 1;
  for (; !answer.complete && calls < 10; calls += 1) {
    answer = Object((await call('GET', `/audit/verify?cursor=${answer.next_cursor}`)).body);
  }
  expect(answer).toMatchObject({ complete: true });
  expect(answer.anchors.ledger_days).toBeGreaterThan(700);
  expect(calls).toBe(2);
});
