import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { DEVELOPER, insertKey, keyIdOf, openRequest } from '../fixture.ts';
import {
  bringDatabaseBack,
  change,
  commitChange,
  dayBudget,
  drain,
  openWallet,
  outboxDepth,
  passTime,
  setClock,
  takeDatabaseAway,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

/** An update of one column of a key. */
function setKey(
  keyId: string,
  column: 'enabled' | 'revoked_at' | 'expires_at' | 'allowed_models',
  value: string | number,
) {
  return env.DB.prepare(`UPDATE virtual_keys SET ${column} = ? WHERE id = ?`).bind(value, keyId);
}

describe('a turn with a key that is not good is turned away', () => {
  test.each([
    ['revoked', 'revoked_at', '2035-06-01T00:00:00.000Z'],
    ['disabled', 'enabled', 0],
    ['expired', 'expires_at', '2035-06-13T12:00:00.000Z'],
  ] as const)('%s, from the moment the change was pushed', async (problem, column, value) => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    expect(await wallet.open(openRequest(id, 'before'))).toMatchObject({ status: 'admitted' });
    await change(scenario, setKey(keyIdOf(id), column, value));
    expect(await wallet.open(openRequest(id, 'after'))).toEqual({ status: 'key_rejected', problem });
    expect(await wallet.authorize(id, keyIdOf(id))).toEqual({ status: 'key_rejected', problem });
    expect(await wallet.holds()).toHaveLength(1);
    expect(await outboxDepth(wallet)).toBe(0);
  });

  test('unknown', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    const request = { ...openRequest(id, 't'), keyId: 'never-made' };
    expect(await wallet.open(request)).toEqual({ status: 'key_rejected', problem: 'unknown' });
    expect(await wallet.authorize(id, 'never-made')).toEqual({ status: 'key_rejected', problem: 'unknown' });
  });

  test('of another cost center', async () => {
    const other = await openWallet(dayBudget('10'));
    const { id, wallet } = await openWallet(dayBudget('10'));
    const request = { ...openRequest(id, 't'), keyId: keyIdOf(other.id) };
    expect(await wallet.open(request)).toEqual({ status: 'key_rejected', problem: 'unknown' });
  });
});

describe('a key', () => {
  test('that was enabled again is good again, for the same turn id too', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await change(scenario, setKey(keyIdOf(id), 'enabled', 0));
    expect(await wallet.open(openRequest(id, 't'))).toMatchObject({ problem: 'disabled' });
    await change(scenario, setKey(keyIdOf(id), 'enabled', 1));
    expect(await wallet.open(openRequest(id, 't'))).toMatchObject({ status: 'admitted' });
  });

  test('expires by the wallet’s clock, which does not go back', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await change(scenario, insertKey(id, `${id}-short`, DEVELOPER, 0, '2035-06-13T13:00:00.000Z'));
    const request = { ...openRequest(id, 'before'), keyId: `${id}-short` };
    setClock('2035-06-13T12:59:59.999Z');
    expect(await wallet.open(request)).toMatchObject({ status: 'admitted' });
    setClock('2035-06-13T13:00:00.000Z');
    expect(await wallet.open({ ...request, turnId: 'after' })).toMatchObject({ problem: 'expired' });
    expect(await wallet.open(openRequest(id, 'another-key'))).toMatchObject({ status: 'admitted' });
    setClock('2035-06-13T12:00:00.000Z');
    expect(await wallet.open({ ...request, turnId: 'back' })).toMatchObject({ problem: 'expired' });
  });

  test('revoked in mid-turn does not keep the turn from settling', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 't'));
    await change(scenario, setKey(keyIdOf(id), 'revoked_at', '2035-06-13T12:00:00.000Z'));
    expect(
      await wallet.renew({ turnId: 't', attempt: 1, progress: { usage: null, outputTokens: 3 } }),
    ).toEqual({
      status: 'renewed',
    });
  });

  test('younger than the wallet’s copy is found by one pull', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await wallet.open(openRequest(id, 'first'));
    await commitChange(id, insertKey(id, `${id}-young`, 'new@example.com', 0));
    passTime(6_000);
    expect(await wallet.open({ ...openRequest(id, 'second'), keyId: `${id}-young` })).toMatchObject({
      status: 'admitted',
    });
    expect((await wallet.holds()).map((hold) => hold.developer)).toContain('new@example.com');
  });

  test('nobody knows does not make the wallet ask D1 at every turn', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    const request = { ...openRequest(id, 't'), keyId: `${id}-young` };
    passTime(6_000);
    expect(await wallet.open(request)).toMatchObject({ problem: 'unknown' });
    await commitChange(id, insertKey(id, `${id}-young`, 'new@example.com', 0));
    passTime(4_000);
    expect(await wallet.open(request)).toMatchObject({ problem: 'unknown' });
    passTime(2_000);
    expect(await wallet.open(request)).toMatchObject({ status: 'admitted' });
  });

  test('nobody knows is unknown while D1 is away, and known ones go on', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await wallet.open(openRequest(id, 'first'));
    passTime(6_000);
    await takeDatabaseAway();
    const stranger = await wallet.open({ ...openRequest(id, 'second'), keyId: 'stranger' });
    const known = await wallet.open(openRequest(id, 'third'));
    await bringDatabaseBack();
    expect(stranger).toEqual({ status: 'key_rejected', problem: 'unknown' });
    expect(known).toMatchObject({ status: 'admitted' });
  });
});

describe('the models a key may use', () => {
  const OPUS = 'claude-opus-5-5';
  const [SONNET, HAIKU] = ['claude-sonnet-5-5', 'claude-haiku-5-5'];

  test('bind its turns from the moment the change was pushed, over an eviction, and are written down', async () => {
    const scenario = await openWallet({ ...dayBudget('100'), allowed_models: [OPUS, HAIKU] });
    const { id, wallet } = scenario;
    expect(await wallet.open(openRequest(id, 'before'))).toMatchObject({ decision: 'proceed', model: OPUS });
    await change(scenario, setKey(keyIdOf(id), 'allowed_models', JSON.stringify([SONNET, HAIKU])));
    await evictDurableObject(wallet);
    expect(await wallet.open(openRequest(id, 'after'))).toMatchObject({
      decision: 'downgrade',
      model: HAIKU,
      reasons: ['model_not_allowed'],
    });
    await change(scenario, setKey(keyIdOf(id), 'allowed_models', JSON.stringify([OPUS])));
    expect(await wallet.open(openRequest(id, 'refused', { model: HAIKU }))).toMatchObject({
      refusal: {
        why: 'model',
        retryable: false,
        message: `Your key in Squad ${id} may not use the model ${HAIKU}; choose one of ${OPUS}.`,
      },
    });
    await change(scenario, setKey(keyIdOf(id), 'allowed_models', JSON.stringify([SONNET])));
    expect(await wallet.open(openRequest(id, 'nothing-left'))).toMatchObject({
      refusal: {
        message: expect.stringContaining('no model that the key may use is allowed there; ask Mara'),
      },
    });
    await drain(wallet);
    const { results } = await env.DB.prepare(
      "SELECT decision_inputs ->> 'allowedModels' AS models FROM ledger_entries WHERE cost_center = ? ORDER BY open_seq",
    )
      .bind(id)
      .all();
    expect(results).toEqual([{ models: JSON.stringify([OPUS]) }, { models: JSON.stringify([SONNET]) }]);
  });
});
