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

  expect(await run(LATER)).toMatchObject({ anchors: 1, days: 1, wallets: 1, isComplete: true });
  expect(await run(LATER + 3_600_000)).toMatchObject({ anchors: 0, isComplete: true });
  const [made] = await anchors();
  expect(made).toMatchObject({
    day: '2099-01-01',
    chain: { sequence: 1 },
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
