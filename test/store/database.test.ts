import { env } from 'cloudflare:workers';
import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { isDatabaseAway, openDatabase, violates } from '../../worker/store/database.ts';

/** The error of a query. */
async function errorOf(query: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    await query();
  } catch (error) {
    return error;
  }
  throw new Error('the query was answered');
}

const database = openDatabase(env.DB);

describe('an error of the database', () => {
  test.each([
    ['a lost connection', new Error('D1_ERROR: Network connection lost.'), true],
    ['an overload', new Error('D1_ERROR: D1 DB is overloaded. Too many requests queued.'), true],
    [
      'a cause of another',
      new Error('Failed query', { cause: new Error('D1_ERROR: storage timeout') }),
      true,
    ],
    ['a bug elsewhere', new TypeError('undefined is not a function'), false],
    ['no error at all', 'D1_ERROR', false],
  ])('%s', (_what, error, isAway) => {
    expect(isDatabaseAway(error)).toBe(isAway);
  });

  test('in a statement is a bug, and not an absence', async () => {
    expect(isDatabaseAway(await errorOf(() => database.run(sql`SELECT * FROM nowhere`)))).toBe(false);
    expect(isDatabaseAway(await errorOf(() => env.DB.prepare('SELECT * FROM nowhere').all()))).toBe(false);
  });

  test('names the constraint that was violated', async () => {
    const error = await errorOf(() => database.run(sql`INSERT INTO cost_centers (id) VALUES ('x')`));
    expect(violates(error, 'NOT NULL constraint failed: cost_centers.name')).toBe(true);
    expect(violates(error, 'UNIQUE constraint failed: cost_centers.id')).toBe(false);
    expect(isDatabaseAway(error)).toBe(false);
  });
});
