import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { keyIdOf, openRequest, signedPolicy } from '../fixture.ts';
import {
  alertsOf,
  change,
  changePolicy,
  commitChange,
  dayBudget,
  drain,
  openWallet,
  passTime,
  type Scenario,
  standingOf,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

interface Stored {
  document?: object;
  signed?: string | null;
  state?: string;
  activateAt?: string;
}

/** Adds a version as somebody with access to D1 could, and makes it the live one, or the scheduled one. */
function addVersion(id: string, version: number, stored: Stored): D1PreparedStatement[] {
  const { document = dayBudget('99'), signed = null, state = 'live', activateAt = null } = stored;
  const pointer = state === 'live' ? 'live_policy_version' : 'scheduled_policy_version';
  return [
    env.DB.prepare(
      `INSERT INTO policy_versions (cost_center, version, state, document, warnings, created_at, signed, activate_at)
       VALUES (?, ?, ?, ?, '[]', '', ?, ?)`,
    ).bind(id, version, state, JSON.stringify(document), signed, activateAt),
    env.DB.prepare(`UPDATE cost_centers SET ${pointer} = ? WHERE id = ?`).bind(version, id),
  ];
}

async function limitOf(scenario: Scenario): Promise<number> {
  return ((await standingOf(scenario))?.limitNanoUsd ?? 0) / 1e9;
}

async function refusals(scenario: Scenario): Promise<unknown[]> {
  await drain(scenario.wallet);
  return (await alertsOf(scenario.id))
    .filter(({ on }) => on === 'policy_signature')
    .map(({ subject, standing }) => ({ subject, facts: JSON.parse(standing) }));
}

describe('a policy version whose signature does not hold', () => {
  const forged: [string, (id: string) => Promise<string | null>, string][] = [
    ['is missing', async () => null, 'its signature is missing'],
    ['is of another document', (id) => signedPolicy(id, 2, dayBudget('50')), 'does not fit its document'],
    [
      'is of another cost center',
      () => signedPolicy('squad-x', 2, dayBudget('99')),
      'of another cost center (squad-x)',
    ],
    ['is of another version', (id) => signedPolicy(id, 1, dayBudget('99')), 'of another version (1)'],
    ['is no signature', async () => '{"payload": {}, "signature": "yes"}', 'cannot be read'],
    [
      'is by an unlisted key',
      async (id) => (await signedPolicy(id, 2, dayBudget('99'))).replace('"key":1', '"key":7'),
      'by key 7, which SIGNING_KEYS does not list',
    ],
    [
      'says somebody else approved it',
      async (id) => (await signedPolicy(id, 2, dayBudget('99'))).replace('"actor":"test"', '"actor":"boss"'),
      'does not fit its document and approval',
    ],
  ];

  test.each(forged)('because it %s changes nothing, and is told once', async (_what, sign, why) => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 'before'));
    await change(scenario, ...addVersion(id, 2, { signed: await sign(id) }));
    expect(await limitOf(scenario)).toBe(10);
    await commitChange(id);
    await wallet.refresh(id, 99);
    expect(await refusals(scenario)).toEqual([
      {
        subject: 'version 2',
        facts: { version: 2, as: 'live', why: expect.stringContaining(why), in_force: 1 },
      },
    ]);
  });

  test('keeps no other change of the same pull away', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 'before'));
    const raise = env.DB.prepare(
      `INSERT INTO raises (id, cost_center, budget, extra_nano_usd, until, reason, revision, created_at, updated_at)
       SELECT 'raise_' || id, id, 'team-day', 5000000000, '2035-06-13T23:00:00.000Z', 'x', revision, '', ''
       FROM cost_centers WHERE id = ?`,
    ).bind(id);
    await change(scenario, ...addVersion(id, 2, {}), raise);
    expect(await limitOf(scenario)).toBe(15);
    const revoke = env.DB.prepare("UPDATE virtual_keys SET revoked_at = '2035-01-01' WHERE id = ?");
    await change(scenario, revoke.bind(keyIdOf(id)));
    expect(await wallet.open(openRequest(id, 'after'))).toMatchObject({ problem: 'revoked' });
  });

  test('is still not taken over after the wallet was evicted', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 'before'));
    await change(scenario, ...addVersion(id, 2, {}));
    await evictDurableObject(wallet);
    expect(await limitOf(scenario)).toBe(10);
    expect(await wallet.open(openRequest(id, 'after'))).toMatchObject({ status: 'admitted' });
    expect(await refusals(scenario)).toHaveLength(1);
  });

  test('gives way to one that is signed, and can be refused and told anew', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 'before'));
    await change(scenario, ...addVersion(id, 2, {}));
    const signed = await signedPolicy(id, 3, dayBudget('30'));
    await change(scenario, ...addVersion(id, 3, { document: dayBudget('30'), signed }));
    expect(await limitOf(scenario)).toBe(30);
    const back = env.DB.prepare('UPDATE cost_centers SET live_policy_version = 2 WHERE id = ?').bind(id);
    await change(scenario, back);
    expect(await limitOf(scenario)).toBe(30);
    expect(await refusals(scenario)).toHaveLength(2);
  });

  test('is audited once, however often it is pulled again', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 'before'));
    await change(scenario, ...addVersion(id, 2, {}));
    const audited = async () =>
      await runInDurableObject(wallet, (_wallet, { storage }) =>
        storage.sql.exec('SELECT action, target FROM audit_events ORDER BY sequence').toArray(),
      );
    const before = await audited();
    for (let pulls = 0; pulls < 3; pulls += 1) await wallet.refresh(id, 1);
    expect(await audited()).toEqual(before);
    expect(before.at(-1)).toEqual({ action: 'policy.refuse', target: '2' });
  });

  test('is taken over without a new revision once its signature is there', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 'before'));
    await change(scenario, ...addVersion(id, 2, {}));
    await env.DB.prepare('UPDATE policy_versions SET signed = ? WHERE cost_center = ? AND version = 2')
      .bind(await signedPolicy(id, 2, dayBudget('99')), id)
      .run();
    await wallet.refresh(id, 1);
    expect(await limitOf(scenario)).toBe(99);
  });
});

describe('a wallet that never verified a policy', () => {
  test('takes no turns where one is meant to bind it, also where it spent without limit before', async () => {
    for (const wasOpen of [false, true]) {
      const scenario = await openWallet(null);
      const { id, wallet } = scenario;
      if (wasOpen) expect(await wallet.open(openRequest(id, 'before'))).toMatchObject({ status: 'admitted' });
      const revision = await commitChange(id, ...addVersion(id, 1, {}));
      if (wasOpen) await wallet.refresh(id, revision);
      expect(await wallet.open(openRequest(id, 'after'))).toMatchObject({ status: 'unavailable' });
      expect(await wallet.authorize(id, keyIdOf(id))).toMatchObject({ status: 'unavailable' });
      expect(await wallet.caller(id, keyIdOf(id), null)).toMatchObject({ status: 'unavailable' });
      expect(await wallet.view(id)).toMatchObject({ budgets: [], policyVersion: null });
      expect(await refusals(scenario)).toMatchObject([{ facts: { in_force: null } }]);
    }
  });

  test('takes turns as soon as it can verify one', async () => {
    const { id, wallet } = await openWallet(null);
    await commitChange(id, ...addVersion(id, 1, {}));
    expect(await wallet.open(openRequest(id, 'before'))).toMatchObject({ status: 'unavailable' });
    await env.DB.prepare('UPDATE policy_versions SET signed = ? WHERE cost_center = ?')
      .bind(await signedPolicy(id, 1, dayBudget('99')), id)
      .run();
    passTime(6_000);
    expect(await wallet.open(openRequest(id, 'after'))).toMatchObject({ status: 'admitted' });
  });

  test('spends without limit where none is live, as before', async () => {
    const { id, wallet } = await openWallet(null);
    expect(await wallet.open(openRequest(id, 't'))).toMatchObject({ status: 'admitted', standing: null });
  });
});

test('a live policy that D1 names no more goes on in the wallet, and is told of', async () => {
  const scenario = await openWallet(dayBudget('10'));
  const { id, wallet } = scenario;
  await wallet.open(openRequest(id, 'before'));
  await change(
    scenario,
    env.DB.prepare('UPDATE cost_centers SET live_policy_version = NULL WHERE id = ?').bind(id),
  );
  expect(await limitOf(scenario)).toBe(10);
  expect(await refusals(scenario)).toMatchObject([{ subject: id, facts: { version: null } }]);
});

describe('a copy from before versions were signed', () => {
  /** As an older wallet kept it, of a version that D1 has no signature of. */
  async function legacy(): Promise<Scenario> {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await env.DB.prepare('UPDATE policy_versions SET signed = NULL WHERE cost_center = ?').bind(id).run();
    const row = await env.DB.prepare('SELECT document FROM wallet_configurations WHERE cost_center = ?')
      .bind(id)
      .first<{ document: string }>();
    const { policy_signed: _, scheduled_policy: __, ...document } = JSON.parse(row?.document ?? '');
    await runInDurableObject(wallet, (_wallet, { storage }) => {
      storage.sql.exec('INSERT OR REPLACE INTO configuration VALUES (1, 1, ?)', JSON.stringify(document));
    });
    await evictDurableObject(wallet);
    return scenario;
  }

  test('goes on by the very document it has', async () => {
    const scenario = await legacy();
    await change(scenario);
    expect(await scenario.wallet.open(openRequest(scenario.id, 't'))).toMatchObject({ status: 'admitted' });
    expect(await limitOf(scenario)).toBe(10);
    expect(await refusals(scenario)).toEqual([]);
  });

  test('does not take another document of that number', async () => {
    const scenario = await legacy();
    await env.DB.exec('DROP TRIGGER policy_documents_change_as_drafts_only');
    await change(
      scenario,
      env.DB.prepare('UPDATE policy_versions SET document = ? WHERE cost_center = ?').bind(
        JSON.stringify(dayBudget('9000')),
        scenario.id,
      ),
    );
    expect(await limitOf(scenario)).toBe(10);
    expect(await refusals(scenario)).toHaveLength(1);
  });
});

describe('a scheduled version', () => {
  test('takes over at its instant, by the wallet’s clock and without a pull', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    const document = dayBudget('0');
    const signed = await signedPolicy(id, 2, document);
    const stored = { document, signed, state: 'scheduled', activateAt: '2035-06-13T13:00:00.000Z' };
    await change(scenario, ...addVersion(id, 2, stored));
    passTime(3_599_999);
    expect(await wallet.open(openRequest(id, 'before'))).toMatchObject({ status: 'admitted' });
    expect(await wallet.view(id)).toMatchObject({ policyVersion: 1 });
    passTime(1);
    expect(await wallet.open(openRequest(id, 'at'))).toMatchObject({
      status: 'refused',
      refusal: { why: 'budget' },
    });
    expect(await wallet.view(id)).toMatchObject({ policyVersion: 2 });
    expect(await wallet.caller(id, keyIdOf(id), null)).toMatchObject({ caller: { policyVersion: 2 } });
    expect(await wallet.authorize(id, keyIdOf(id))).toMatchObject({ standing: { limitNanoUsd: 0 } });
  });

  test('starts in a wallet that was evicted before', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    const signed = await signedPolicy(id, 2, dayBudget('20'));
    const stored = {
      document: dayBudget('20'),
      signed,
      state: 'scheduled',
      activateAt: '2035-06-13T13:00:00Z',
    };
    await change(scenario, ...addVersion(id, 2, stored));
    await evictDurableObject(wallet);
    passTime(3_600_000);
    expect(await limitOf(scenario)).toBe(20);
  });

  test('without a signature that holds never starts, and is told once', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 'before'));
    const stored = { state: 'scheduled', activateAt: '2035-06-13T13:00:00.000Z' };
    await change(scenario, ...addVersion(id, 2, stored));
    passTime(7_200_000);
    expect(await limitOf(scenario)).toBe(10);
    expect(await refusals(scenario)).toMatchObject([{ subject: 'version 2', facts: { as: 'scheduled' } }]);
  });

  test('that started is what goes on where the next one is refused', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id } = scenario;
    const signed = await signedPolicy(id, 2, dayBudget('20'));
    const stored = {
      document: dayBudget('20'),
      signed,
      state: 'scheduled',
      activateAt: '2035-06-13T13:00:00Z',
    };
    await change(scenario, ...addVersion(id, 2, stored));
    passTime(3_600_000);
    await change(
      scenario,
      ...addVersion(id, 3, {}),
      env.DB.prepare('UPDATE cost_centers SET scheduled_policy_version = NULL WHERE id = ?').bind(id),
    );
    expect(await limitOf(scenario)).toBe(20);
  });
});

test('a policy that is changed by its own way is verified each time', async () => {
  const scenario = await openWallet(dayBudget('10'));
  for (const limit of ['20', '30', '40']) {
    await changePolicy(scenario, dayBudget(limit));
    expect(await limitOf(scenario)).toBe(Number(limit));
  }
  expect(await refusals(scenario)).toEqual([]);
});
