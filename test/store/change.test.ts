import { env } from 'cloudflare:workers';
import { sql } from 'drizzle-orm';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Change, commitChange, untilCommitted } from '../../worker/store/change.ts';
import { openDatabase } from '../../worker/store/database.ts';
import { virtualKeys } from '../../worker/store/tables.ts';
import { createCostCenter, freshCostCenter } from '../fixture.ts';

const AUTHORSHIP = { actor: 'admin_token', requestId: 'req_1', at: '2026-11-23T12:00:00.000Z' };
const database = openDatabase(env.DB);
let costCenter = '';

beforeEach(async () => {
  costCenter = freshCostCenter();
  await createCostCenter(costCenter, null);
});

function change(parts: Partial<Change>): Change {
  return {
    costCenter,
    action: 'test.change',
    target: costCenter,
    before: null,
    after: { state: 'changed' },
    provided: sql`TRUE`,
    statements: [],
    ...parts,
  };
}

/** The cost center's revision, how many audit events it has, and whether its keys are enabled. */
async function stored(): Promise<unknown> {
  return await env.DB.prepare(
    `SELECT revision, (SELECT count(*) FROM audit_events a WHERE a.cost_center = c.id) AS events,
            (SELECT min(enabled) FROM virtual_keys k WHERE k.cost_center = c.id) AS enabled
     FROM cost_centers c WHERE id = ?`,
  )
    .bind(costCenter)
    .first();
}

const disabling = () =>
  database.update(virtualKeys).set({ enabled: false }).where(sql`cost_center = ${costCenter}`);

describe('a change', () => {
  test('commits with a new revision and its audit event', async () => {
    expect(await commitChange(database, change({ statements: [disabling()] }), AUTHORSHIP)).toBe(2);
    expect(await stored()).toEqual({ revision: 2, events: 1, enabled: 0 });
  });

  test('decided on facts that are no longer true commits nothing of it', async () => {
    const stale = change({ statements: [disabling()], provided: sql`1 = 2` });
    expect(await commitChange(database, stale, AUTHORSHIP)).toBeNull();
    expect(await stored()).toEqual({ revision: 1, events: 0, enabled: 1 });
  });

  test('with a statement that fails commits nothing of it and throws', async () => {
    const broken = change({ statements: [disabling(), database.run(sql`INSERT INTO nowhere VALUES (1)`)] });
    await expect(commitChange(database, broken, AUTHORSHIP)).rejects.toThrow('nowhere');
    expect(await stored()).toEqual({ revision: 1, events: 0, enabled: 1 });
  });

  test('is decided anew while others come between, and given up in the end', async () => {
    let tries = 0;
    expect(await untilCommitted(async () => (++tries < 3 ? 'stale' : 'done'))).toBe('done');
    expect(tries).toBe(3);
    expect(await untilCommitted(async () => 'stale')).toBe('contended');
  });
});

test.each([
  ["UPDATE audit_events SET actor = 'nobody'", 'never changed'],
  ['DELETE FROM audit_events', 'never deleted'],
])('the database refuses to tamper with the audit log: %s', async (statement, message) => {
  await commitChange(database, change({}), AUTHORSHIP);
  await expect(env.DB.prepare(statement).run()).rejects.toThrow(message);
});
