import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { completed, openRequest } from '../fixture.ts';
import { costing, dayBudget, drain, openWallet, useFakeClock } from './scenario.ts';

useFakeClock();

async function oneEntryAndAlert(): Promise<string> {
  const { id, wallet } = await openWallet(dayBudget('1'));
  await wallet.open(openRequest(id, 't'));
  await wallet.settle(completed('t', costing(0.9)));
  await drain(wallet);
  return id;
}

describe('D1 refuses', () => {
  test.each([
    ['to change an entry', 'UPDATE ledger_entries SET charged_nano_usd = 0 WHERE cost_center = ?'],
    ['to delete an entry', 'DELETE FROM ledger_entries WHERE cost_center = ?'],
    ['to change an alert', "UPDATE alert_events SET stage = '' WHERE cost_center = ?"],
    ['to delete an alert', 'DELETE FROM alert_events WHERE cost_center = ?'],
  ])('%s', async (_, statement) => {
    const id = await oneEntryAndAlert();
    await expect(env.DB.prepare(statement).bind(id).run()).rejects.toThrow(/never (changed|deleted)/);
  });

  test('to replace an entry under its id', async () => {
    const id = await oneEntryAndAlert();
    const rowOf = env.DB.prepare('SELECT rowid, * FROM ledger_entries WHERE cost_center = ?').bind(id);
    const before = await rowOf.first();
    const replace = env.DB.prepare(
      'INSERT OR REPLACE INTO ledger_entries SELECT * FROM ledger_entries WHERE cost_center = ?',
    ).bind(id);
    await replace.run().catch(() => undefined);
    expect(await rowOf.first()).toEqual(before);
  });
});
