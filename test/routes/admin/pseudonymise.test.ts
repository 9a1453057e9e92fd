import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import type { AlertDelivery } from '../../../durable-objects/alerts/delivery.ts';
import type { SettleRequest } from '../../../durable-objects/wallet/rpc.ts';
import { askForIncrease } from '../../../worker/policy/increase-request.ts';
import { findCostCenter } from '../../../worker/store/cost-centers.ts';
import { openDatabase } from '../../../worker/store/database.ts';
import { alertEvent } from '../../alerts/alert-event.ts';
import {
  completed,
  createCostCenter,
  freshCostCenter,
  insertKey,
  keyIdOf,
  openRequest,
  usd,
  walletStub,
} from '../../fixture.ts';
import { changePolicy, costing } from '../../wallet/scenario.ts';
import { type Answer, call } from './admin-calls.ts';
import { addAlerts, addEntries, addReconciliation, entryOf } from './ledger-rows.ts';
import { storedInD1, traceOf } from './traces.ts';

const POLICY = {
  budgets: [
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '10.00' },
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100.00' },
  ],
};

let people = 0;

/** A developer of a fresh cost center, who nobody else is. */
async function leaver(policy: object | null = POLICY): Promise<{ id: string; name: string }> {
  people += 1;
  const id = freshCostCenter();
  const name = `leaver"${people}"@example.com`;
  await createCostCenter(id, policy, { developer: name });
  return { id, name };
}

async function turn(id: string, turnId: string, dollars: number): Promise<void> {
  await walletStub(id).open(openRequest(id, turnId, { session: turnId }));
  await walletStub(id).settle(completed(turnId, costing(dollars)));
}

async function pseudonymise(name: string, reason = 'left the company', bindings = {}): Promise<Answer> {
  const path = `/developers/${encodeURIComponent(name)}/pseudonymise`;
  return await call('POST', path, { reason }, bindings);
}

function pseudonymIn(answer: Answer): string {
  return String(Object(answer.body).pseudonym);
}

/** The id of a request for more that says in its own words who asks. */
async function asksForMore(id: string, name: string, budget = 'dev-day'): Promise<string> {
  const database = openDatabase(env.DB);
  const owner = await findCostCenter(database, id);
  if (!owner) throw new Error(`no cost center ${id}`);
  const keyId = keyIdOf(id);
  const asking = {
    developer: name,
    keyId,
    budget,
    extraNanoUsd: usd(1),
    reason: `${name} asks`,
    session: null,
  };
  const authorship = { actor: `key:${keyId}`, requestId: 'req_ask', at: new Date().toISOString() };
  const asked = await askForIncrease(database, owner, asking, authorship);
  if (asked.status !== 'created') throw new Error(asked.status);
  return asked.request.id;
}

function alertsStub(id: string): DurableObjectStub<AlertDelivery> {
  return env.ALERTS.get(env.ALERTS.idFromName(id));
}

async function storedIn(object: DurableObjectStub): Promise<string> {
  return await runInDurableObject(object, (_, { storage: { sql } }) => {
    const tables = sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*'")
      .toArray();
    return JSON.stringify(tables.map(({ name }) => sql.exec(`SELECT * FROM "${name}"`).toArray()));
  });
}

async function moneyOf(id: string): Promise<unknown[]> {
  const { results } = await env.DB.prepare('SELECT * FROM ledger_entries WHERE cost_center = ? ORDER BY 1')
    .bind(id)
    .all();
  return results.map(({ developer: _, key_tags: __, standing: ___, ...rest }) => rest);
}

async function standingOf(id: string): Promise<object | undefined> {
  const { budgets } = await walletStub(id).view(id);
  return budgets.find((budget) => budget.id === 'dev-day');
}

describe('a developer who left', () => {
  test('is nowhere any more, and their money is where it was', async () => {
    const { id, name } = await leaver();
    await env.DB.prepare('UPDATE virtual_keys SET name = ?, tags = ? WHERE cost_center = ?')
      .bind(`laptop of ${name}`, JSON.stringify({ owner: name, team: 'a' }), id)
      .run();
    await call('POST', `/cost_centers/${id}/keys`, { developer: name });
    const raise = { budget: 'dev-day', extra_usd: '1.00', until: '2099-01-01T00:00:00Z', reason: 'release' };
    await call('POST', `/cost_centers/${id}/raises`, { ...raise, subject: name });
    const asked = await asksForMore(id, name);
    await call('POST', `/increase_requests/${await asksForMore(id, name, 'team-day')}/approve`);
    await walletStub(id).prefer(id, keyIdOf(id), 'one', 'claude-haiku-5-5');
    await turn(id, 'one', 4);
    await turn(id, 'two', 9);
    await walletStub(id).open(openRequest(id, 'refused', { session: 'three' }));
    await runDurableObjectAlarm(walletStub(id));
    await turn(id, 'waiting', 0);
    const told = alertEvent({ cost_center: id, developer: name, subject: name, budget: 'dev-day' });
    await alertsStub(id).accept(id, [told]);
    const before = await standingOf(id);
    expect(await storedInD1()).toMatch(traceOf(name));
    expect(await storedIn(alertsStub(id))).toMatch(traceOf(name));
    expect(await storedIn(walletStub(id))).toMatch(traceOf(name));

    const answer = await pseudonymise(name);
    expect(answer).toMatchObject({ status: 200, body: { complete: true, changed: { wallets: 1 } } });
    const pseudonym = pseudonymIn(answer);
    expect(pseudonym).toMatch(/^left-[0-9a-f]{16}$/);
    expect(await storedInD1()).not.toMatch(traceOf(name));
    expect(await storedIn(walletStub(id))).not.toMatch(traceOf(name));
    expect(await storedIn(alertsStub(id))).not.toMatch(traceOf(name));
    expect(before).toMatchObject({ subject: name, settledNanoUsd: usd(13) });
    expect(await standingOf(id)).toEqual({ ...before, subject: pseudonym });

    await runDurableObjectAlarm(walletStub(id));
    expect(await storedInD1()).not.toMatch(traceOf(name));
    const sum = env.DB.prepare('SELECT sum(charged_nano_usd) AS sum FROM ledger_entries WHERE developer = ?');
    expect(await sum.bind(pseudonym).first('sum')).toBe(usd(13));
    const audited = await call('GET', `/audit?cost_center=${id}`);
    expect(JSON.stringify(audited.body)).toContain(pseudonym);
    const requests = await call('GET', `/increase_requests?cost_center=${id}`);
    expect(requests.body).toMatchObject({
      data: [
        { budget: 'team-day', subject: null, status: 'approved', reason: null },
        { id: asked, subject: pseudonym, status: 'expired', reason: null, actor: { deleted: true } },
      ],
    });
    expect(await env.DB.prepare('SELECT * FROM pseudonym_mappings').first()).toBeNull();
    expect(await pseudonymise(name)).toMatchObject({ status: 404 });
    expect(await pseudonymise(pseudonym)).toMatchObject({ status: 409 });
  });

  test('has keys that are dead when the call returns', async () => {
    const { id, name } = await leaver();
    await turn(id, 'one', 1);
    await pseudonymise(name);
    const reply = await walletStub(id).open(openRequest(id, 'two'));
    expect(reply).toEqual({ status: 'key_rejected', problem: 'revoked' });
  });

  test('whose turn still runs is charged for it under the pseudonym', async () => {
    const { id, name } = await leaver();
    await walletStub(id).open(openRequest(id, 'running'));
    const pseudonym = pseudonymIn(await pseudonymise(name));
    const settlement: SettleRequest = completed('running', costing(2));
    await walletStub(id).settle(settlement);
    expect(await standingOf(id)).toMatchObject({
      subject: pseudonym,
      settledNanoUsd: usd(2),
      heldNanoUsd: 0,
    });
    await runDurableObjectAlarm(walletStub(id));
    expect(await storedInD1()).not.toMatch(traceOf(name));
  });

  test('leaves colleagues of the same team as they are', async () => {
    const { id, name } = await leaver();
    await insertKey(id, 'k-colleague', 'colleague@example.com', 1).run();
    await turn(id, 'mine', 1);
    await walletStub(id).open({ ...openRequest(id, 'theirs'), keyId: 'k-colleague' });
    await walletStub(id).settle(completed('theirs', costing(3)));
    await pseudonymise(name);
    const { budgets } = await walletStub(id).view(id);
    const theirs = budgets.find(({ subject }) => subject === 'colleague@example.com');
    expect(theirs).toMatchObject({ settledNanoUsd: usd(3) });
    expect(budgets.find((budget) => budget.id === 'team-day')).toMatchObject({ settledNanoUsd: usd(4) });
  });

  test('with a long history takes several calls, and not one column of money changes', async () => {
    const { id, name } = await leaver(null);
    const entries = Array.from({ length: 5_100 }, (_, index) =>
      entryOf({ entry_id: `${id}-${index}`, cost_center: id, developer: name, key_tags: { who: name } }),
    );
    for (let start = 0; start < entries.length; start += 400)
      await addEntries(entries.slice(start, start + 400));
    const before = await moneyOf(id);
    const first = await pseudonymise(name);
    expect(first.body).toMatchObject({ complete: false, changed: { ledger_entries: 5_000 } });
    const second = await pseudonymise(name);
    expect(second.body).toMatchObject({ complete: true, changed: { ledger_entries: 100 } });
    expect(pseudonymIn(second)).toBe(pseudonymIn(first));
    expect(await moneyOf(id)).toEqual(before);
  }, 60_000);

  test('whose wallet is away: 503, and the next call goes on with the same pseudonym', async () => {
    const { id, name } = await leaver();
    await turn(id, 'one', 1);
    const away = { rename: () => Promise.reject(new Error('away')) };
    const WALLET = { idFromName: () => 'x', get: () => away } as unknown as typeof env.WALLET;
    expect(await pseudonymise(name, 'left', { WALLET })).toMatchObject({ status: 503 });
    const begun = env.DB.prepare('SELECT pseudonym FROM pseudonym_mappings WHERE developer = ?').bind(name);
    const pseudonym = await begun.first('pseudonym');
    const answer = await pseudonymise(name);
    expect(answer).toMatchObject({ status: 200, body: { complete: true, pseudonym } });
    expect(await walletStub(id).open(openRequest(id, 'two'))).toMatchObject({ problem: 'revoked' });
  }, 20_000);
});

test('a version to go back to that names the developer is one no more: nothing of it stays in the wallet', async () => {
  const { id, name } = await leaver();
  const [day, ...rest] = POLICY.budgets;
  const policy = { budgets: [{ ...day, overrides: { [name]: '5.00' } }, ...rest] };
  await changePolicy({ id, wallet: walletStub(id) }, policy);
  await call('POST', `/cost_centers/${id}/policies`, { policy: POLICY });
  await call('POST', `/cost_centers/${id}/policies/3/activate`, undefined, { POLICY_APPROVAL: 'off' });
  const held = async () =>
    await runInDurableObject(walletStub(id), (_, { storage }) =>
      String(storage.sql.exec<{ document: string }>('SELECT document FROM configuration').one().document),
    );
  expect(await held()).toContain(JSON.stringify(name));
  expect(await pseudonymise(name)).toMatchObject({ status: 200, body: { complete: true } });
  expect(await held()).not.toContain(JSON.stringify(name));
  const { body } = await call('GET', `/cost_centers/${id}/policies/3`);
  expect(body).toMatchObject({ state: 'live', guard: { state: 'ended' } });
}, 20_000);

describe('the call refuses', () => {
  test.each([
    'budget',
    'limit besides money',
  ])('a developer whom a %s of a policy in force names, by its version', async (of) => {
    const { id, name } = await leaver();
    const [day, ...rest] = POLICY.budgets;
    const limit = {
      scope: 'developer',
      concurrent_turns: 9,
      overrides: { [name]: { concurrent_turns: 20 } },
    };
    const policy =
      of === 'budget'
        ? { budgets: [{ ...day, overrides: { [name]: '5.00' } }, ...rest] }
        : { ...POLICY, limits: [limit] };
    await changePolicy({ id, wallet: walletStub(id) }, policy);
    const answer = await pseudonymise(name);
    expect(answer).toMatchObject({ status: 409, body: { error: { type: 'conflict_error' } } });
    expect(JSON.stringify(answer.body)).toContain(`version 2 of ${id}`);
  });

  test.each([
    ['nobody of that name', 'nobody@example.com', 'left', 404],
    ['a reason that names them', 'dev@example.com', 'Dev@Example.com left', 400],
    ['an empty reason', 'dev@example.com', ' ', 400],
  ])('%s', async (_, name, reason, status) => {
    expect(await pseudonymise(name, reason)).toMatchObject({ status });
  });
});

describe('D1 lets nothing but the name be changed, also while a mapping is open', () => {
  async function openMapping(): Promise<void> {
    const statements = [
      "INSERT OR IGNORE INTO pseudonyms (pseudonym, created_at) VALUES ('left-x', '2026-01-01')",
      "INSERT OR IGNORE INTO pseudonym_mappings VALUES ('mapped@example.com', 'left-x')",
    ];
    await env.DB.batch(statements.map((statement) => env.DB.prepare(statement)));
    await addReconciliation('mapped@example.com', 'squad');
    await addEntries([entryOf({ entry_id: 'mapped', developer: 'mapped@example.com' })]);
    await addAlerts([
      {
        event_id: 'mapped',
        cost_center: 'squad',
        on: 'stage:alert',
        occurred_at: '2026-01-01T00:00:00.000Z',
        turn_id: 't',
        session: 's',
        developer: 'mapped@example.com',
        policy_version: 1,
        budget: 'b',
        subject: 'squad',
        stage: 'b@0.80',
        window_start: null,
        resets_at: null,
        standing: {},
        context: null,
      },
    ]);
  }

  test.each([
    ['ledger_entries', 'entry_id', ['developer']],
    ['alert_events', 'event_id', ['developer']],
    ['audit_events', 'sequence', []],
    ['reconciliations', 'reconciliation_id', ['developer']],
  ])('in %s', async (table, key, open) => {
    await openMapping();
    const columns = await env.DB.prepare(`PRAGMA table_xinfo(${table})`).all<{
      name: string;
      hidden: number;
    }>();
    const tried = columns.results.filter(({ name, hidden }) => hidden === 0 && !open.includes(name));
    expect(tried.length).toBeGreaterThan(8);
    for (const { name } of tried) {
      const update = env.DB.prepare(
        `UPDATE ${table} SET "${name}" = '7' WHERE ${key} = (SELECT max(${key}) FROM ${table})`,
      );
      await expect(update.run(), name).rejects.toThrow(/never changed/);
    }
  });

  test('and the name only by its own pseudonym', async () => {
    await openMapping();
    const rename = (to: string) =>
      env.DB.prepare("UPDATE ledger_entries SET developer = ? WHERE entry_id = 'mapped'").bind(to).run();
    await expect(rename('somebody@example.com')).rejects.toThrow(/never changed/);
    await expect(rename('left-y')).rejects.toThrow(/never changed/);
    await rename('left-x');
    await expect(rename('mapped@example.com')).rejects.toThrow(/never changed/);
  });
});
