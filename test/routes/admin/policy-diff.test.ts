import { beforeAll, describe, expect, test } from 'vitest';
import { call, makeCostCenter } from './admin-calls.ts';

const POLICIES = '/cost_centers/squad/policies';
const TEAM_DAY = { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '500.00' };
const LOWER = { ...TEAM_DAY, limit_usd: '400.00' };

async function store(costCenter: string, ...budgets: object[]): Promise<void> {
  const answer = await call('POST', `/cost_centers/${costCenter}/policies`, { policy: { budgets } });
  expect(answer.status).toBe(201);
}

beforeAll(async () => {
  await makeCostCenter('squad');
  await store('squad', TEAM_DAY);
  await store('squad', LOWER);
});

describe('the difference of a version', () => {
  test('where nothing is live is the whole document, and says so', async () => {
    expect(await call('GET', `${POLICIES}/2/diff`)).toMatchObject({
      status: 200,
      body: {
        version: 2,
        against: null,
        patch: [{ op: 'add', path: '/budgets', value: [LOWER] }],
        words: [
          'there is no live policy: everything is new',
          expect.stringContaining('team-day: new budget, 400.00 USD a day'),
        ],
      },
    });
  });

  test('is taken against the live one, as operations of RFC 6902 and in words', async () => {
    await call('POST', `${POLICIES}/1/activate`);
    const expected = {
      version: 2,
      against: 1,
      patch: [{ op: 'replace', path: '/budgets/0/limit_usd', value: '400.00' }],
      words: ['team-day: limit 500.00 → 400.00 USD (−20 %)'],
    };
    for (const query of ['', '?against=live', '?against=1']) {
      const answer = await call('GET', `${POLICIES}/2/diff${query}`);
      expect(answer).toMatchObject({ status: 200 });
      expect(answer.body).toEqual(expected);
    }
  });

  test('against another version goes by its number, and against itself is empty', async () => {
    expect((await call('GET', `${POLICIES}/1/diff?against=2`)).body).toMatchObject({
      against: 2,
      words: ['team-day: limit 400.00 → 500.00 USD (+25 %)'],
    });
    expect((await call('GET', `${POLICIES}/2/diff?against=2`)).body).toEqual({
      version: 2,
      against: 2,
      patch: [],
      words: ['version 2 is held against itself: nothing changes'],
    });
  });

  test.each<[string, string, string]>([
    ['a version nobody made', `${POLICIES}/99/diff`, 'there is no policy version 99 in cost center squad'],
    ['one of nobody', '/cost_centers/nobody/policies/1/diff', 'there is no cost center nobody'],
    ['against a version nobody made', `${POLICIES}/2/diff?against=7`, 'there is no policy version 7'],
  ])('of %s is a 404', async (_what, path, message) => {
    expect(await call('GET', path)).toMatchObject({
      status: 404,
      body: { error: { type: 'not_found_error', message: expect.stringContaining(message) } },
    });
  });

  test.each<[string, string, string]>([
    ['an against that is no number', '?against=best', 'against'],
    ['an against of 0', '?against=0', 'against'],
    ['an empty against', '?against=', 'against'],
    ['an unknown parameter', '?with=1', 'with'],
  ])('with %s is a 400 that names it', async (_what, query, path) => {
    expect(await call('GET', `${POLICIES}/2/diff${query}`)).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path }] } },
    });
  });

  test('of a version that is no number is a 400', async () => {
    expect(await call('GET', `${POLICIES}/x/diff`)).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: 'version' }] } },
    });
  });
});
