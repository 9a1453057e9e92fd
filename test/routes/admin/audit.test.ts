import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { checkAuditFile, type FileReport } from '../../../durable-objects/ledger/audit-file-check.ts';
import { publicKeysOf } from '../../../durable-objects/ledger/signature.ts';
import { type Env, readBindings } from '../../../worker/bindings.ts';
import { cursorFor } from '../../../worker/routes/admin/paging.ts';
import {
  createCostCenter,
  DEVELOPER,
  keyIdOf,
  openRequest,
  signedPolicy,
  walletStub,
} from '../../fixture.ts';
import { call, makeCostCenter, rows } from './admin-calls.ts';
import { download } from './download.ts';

let ids = 0;

/** A name no other file has: a wallet can outlive the emptying of D1 between files, and its chain would go on. */
function freshId(): string {
  ids += 1;
  return `audit-squad-${ids}`;
}

async function checked(path: string): Promise<FileReport> {
  const bindings = readBindings(env as unknown as Env);
  if (!bindings.ok) throw new Error(bindings.error);
  const { text } = await download(path);
  return await checkAuditFile(new TextEncoder().encode(text), await publicKeysOf(bindings.value.signingKeys));
}

async function verified(): Promise<unknown> {
  return (await call('GET', '/audit/verify')).body;
}

test('the whole log is a file that verifies offline, with the head that the gateway tells', async () => {
  const id = freshId();
  await makeCostCenter(id);
  await call('POST', `/cost_centers/${id}/keys`, { developer: 'größe@example.com' });
  const { head } = Object(await verified());
  const report = await checked('/audit/export');
  expect(report).toMatchObject({ problems: [], kind: 'audit', records: head.sequence, head });
});

test('a span of time is a file without gaps; one without events has a manifest alone', async () => {
  await makeCostCenter(freshId());
  expect(await checked('/audit/export?from=2020-01-01&to=2021-01-01')).toMatchObject({
    records: 0,
    problems: [],
  });
  const report = await checked('/audit/export?from=2020-01-01');
  expect(report.problems).toEqual([]);
  expect(report.records).toBeGreaterThan(0);
});

test('all versions of a policy are a file that verifies offline', async () => {
  const id = freshId();
  await makeCostCenter(id);
  const policy = { budgets: [{ id: 'day', scope: 'cost_center', window: 'day', limit_usd: '5.00' }] };
  await call('POST', `/cost_centers/${id}/policies`, { policy });
  await call('POST', `/cost_centers/${id}/policies`, { policy });
  const guarded = env.DB.prepare(
    'UPDATE policy_versions SET guards = \'["refusals"]\' WHERE cost_center = ?',
  );
  await guarded.bind(id).run();
  const path = `/cost_centers/${id}/policies/export`;
  expect(await checked(path)).toMatchObject({ problems: [], kind: 'policies', records: 2 });
  const [first] = (await download(path)).text.split('\n');
  const columns = await env.DB.prepare('SELECT * FROM policy_versions LIMIT 1').first();
  const { record } = JSON.parse(first ?? '');
  expect(Object.keys(record).sort()).toEqual(Object.keys(columns ?? {}).sort());
  expect(record).toMatchObject({ document: policy, warnings: [], guards: ['refusals'] });
});

test.each([
  ['/audit/verify?cursor=x', 'cursor'],
  ['/audit/verify?limit=0', 'limit'],
  ['/audit/verify?limit=100001', 'limit'],
  ['/audit/export?from=yesterday', 'from'],
  ['/audit/export?from=2026-02-01&to=2026-01-01', 'from'],
  ['/audit/export?form=2026-01-01', 'form'],
])('%s is refused by name', async (path, field) => {
  const answer = await call('GET', path);
  expect(answer.status).toBe(400);
  expect(JSON.stringify(answer.body)).toContain(field);
});

test.each([
  'x',
  '{}',
  '{"part":"events","event":-1}',
])('a made cursor that holds %j is none', async (held) => {
  const cursor = await cursorFor({ list: 'audit/verify' }, held);
  expect(await call('GET', `/audit/verify?cursor=${cursor}`)).toMatchObject({
    status: 400,
    body: { error: { problems: [{ path: 'cursor' }] } },
  });
});

test('the versions of an unknown cost center are unknown', async () => {
  expect(await call('GET', '/cost_centers/nobody/policies/export')).toMatchObject({ status: 404 });
});

describe('a developer who is pseudonymised', () => {
  test('is in no event any more, the chain verifies, and the old digest leads to nobody', async () => {
    const id = freshId();
    const developer = `${id}-leaver@example.com`;
    await makeCostCenter(id);
    await call('POST', `/cost_centers/${id}/keys`, { developer });
    await call('POST', `/cost_centers/${id}/keys`, { developer });
    const linkOf = (sequence: unknown) =>
      env.DB.prepare('SELECT salt, content_digest FROM audit_chain WHERE sequence = ?')
        .bind(sequence)
        .first();
    const [key] = rows(await call('GET', `/audit?cost_center=${id}`)).map(Object);
    const before = await linkOf(key.sequence);
    const answer = await call('POST', `/developers/${developer}/pseudonymise`, { reason: 'left' });
    expect(answer.body).toMatchObject({ complete: true, changed: { audit_events: 2 } });

    expect(await verified()).toMatchObject({ ok: true, problems: [] });
    const { text } = await download('/audit/export');
    expect(text).not.toContain(developer);
    expect(await checked('/audit/export')).toMatchObject({ problems: [], rewrittenElsewhere: 0 });
    const after = await linkOf(key.sequence);
    expect(after?.content_digest).toBe(before?.content_digest);
    expect(after?.salt).not.toBe(before?.salt);
    const listed = rows(await call('GET', '/audit?limit=10')).map(Object);
    const event = listed.find(({ action }) => action === 'audit.pseudonymised');
    expect(event.after.rewritten).toHaveLength(2);
  });
});

describe('the chain of a wallet', () => {
  const POLICY = { budgets: [{ id: 'day', scope: 'cost_center', window: 'day', limit_usd: '5.00' }] };

  async function told(id: string): Promise<[string, string, string][]> {
    await runDurableObjectAlarm(walletStub(id));
    const query = 'SELECT * FROM wallet_audit_events WHERE cost_center = ? ORDER BY sequence';
    const { results } = await env.DB.prepare(query).bind(id).all<Record<string, string>>();
    return results.map(({ actor = '', action = '', target = '' }) => [actor, action, target]);
  }

  test('tells what was done to it, names nobody, and comes to D1 once', async () => {
    const id = freshId();
    await createCostCenter(id, POLICY);
    const wallet = walletStub(id);
    await wallet.open(openRequest(id, 'turn', { session: 'one' }));
    await wallet.prefer(id, keyIdOf(id), 'one', 'claude-haiku-5-5');
    await wallet.prefer(id, keyIdOf(id), 'one', 'claude-haiku-5-5');
    expect(await wallet.redeem('code', Date.now() + 1_000)).toBe(true);
    expect(await wallet.redeem('code', Date.now() + 1_000)).toBe(false);
    expect(await wallet.endHold('turn', 'runs away')).toBe(true);
    const event = { on: 'upstream_credential', turnId: 'turn', facts: {} };
    await wallet.raise(id, event);
    await wallet.raise(id, event);
    await wallet.rename({ developer: DEVELOPER, pseudonym: 'left-1' });
    await wallet.rename({ developer: DEVELOPER, pseudonym: 'left-1' });
    const expected = [
      ['wallet', 'configuration.apply', '1'],
      [`key:${keyIdOf(id)}`, 'session.prefer', 'one'],
      ['link', 'link.redeem', 'code'],
      ['admin', 'hold.end', 'turn'],
      ['gateway', 'alert.raise', 'upstream_credential'],
      ['admin', 'developer.pseudonymise', 'left-1'],
    ];
    expect(await told(id)).toEqual(expected);
    // A batch whose answer was lost is sent again.
    await runInDurableObject(
      wallet,
      (_, { storage }) => storage.sql.exec('UPDATE audit_sent SET sequence = 0').rowsRead,
    );
    await wallet.prefer(id, keyIdOf(id), 'one', null);
    expect(await told(id)).toEqual([...expected, [`key:${keyIdOf(id)}`, 'session.prefer', 'one']]);
    expect(await verified()).toMatchObject({ ok: true });
    const kept = await env.DB.prepare(
      'SELECT json_group_array(details) AS all_of_it FROM wallet_audit_events',
    ).first('all_of_it');
    expect(kept).not.toContain(DEVELOPER);
  });

  test('tells once of a configuration that cannot be read, with its revision and policy version', async () => {
    const id = freshId();
    await createCostCenter(id, POLICY);
    await walletStub(id).open(openRequest(id, 'turn'));
    const policy = env.DB.prepare(
      `INSERT INTO policy_versions (cost_center, version, state, document, warnings, created_at, signed)
       VALUES (?, 2, 'live', '{}', '[]', '2035-01-01T00:00:00.000Z', ?)`,
    ).bind(id, await signedPolicy(id, 2, {}));
    const revision = env.DB.prepare(
      'UPDATE cost_centers SET revision = 2, live_policy_version = 2 WHERE id = ?',
    ).bind(id);
    await env.DB.batch([policy, revision]);
    // From within: a call that rejects would be an unhandled error of the object too.
    await runInDurableObject(walletStub(id), async (wallet) => {
      await expect(wallet.refresh(id, 2)).rejects.toThrow('cannot be read');
      await expect(wallet.refresh(id, 2)).rejects.toThrow('cannot be read');
    });
    expect(await told(id)).toEqual([
      ['wallet', 'configuration.apply', '1'],
      ['wallet', 'configuration.refuse', '2'],
    ]);
    const details = env.DB.prepare(
      'SELECT details FROM wallet_audit_events WHERE cost_center = ? AND sequence = 2',
    );
    expect(JSON.parse((await details.bind(id).first<string>('details')) ?? '')).toEqual({
      policy_version: 2,
      why: 'policy_unreadable',
    });
  });

  test('is never changed, in the wallet or in D1', async () => {
    const id = freshId();
    await createCostCenter(id, POLICY);
    await walletStub(id).open(openRequest(id, 'turn'));
    await told(id);
    await expect(env.DB.prepare("UPDATE wallet_audit_events SET actor = 'x'").run()).rejects.toThrow(
      'never changed',
    );
    await expect(env.DB.prepare('DELETE FROM wallet_audit_events').run()).rejects.toThrow('never deleted');
    await runInDurableObject(walletStub(id), (_, { storage: { sql } }) => {
      expect(() => sql.exec("UPDATE audit_events SET hash = 'x'")).toThrow('never changed');
      expect(() => sql.exec('DELETE FROM audit_events')).toThrow('never deleted');
    });
  });
});
