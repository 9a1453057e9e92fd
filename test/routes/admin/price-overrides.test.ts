/** Negotiated prices, and the records of the list in D1. */
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { openDatabase } from '../../../worker/store/database.ts';
import { publishListPrices } from '../../../worker/store/list-prices.ts';
import { BROKEN, walletLine } from '../../faults/wallet-line.ts';
import { NOON, passTime, useFakeClock } from '../../wallet/scenario.ts';
import {
  type Answer,
  call,
  field,
  makeCostCenter,
  rows,
  storedRevision,
  walletRevision,
} from './admin-calls.ts';

useFakeClock();

const PATH = '/price_overrides';
const OPUS = 'claude-opus-5-5';
const FIRST = {
  model: OPUS,
  percent_off: '12.5',
  effective_from: '2036-01-01T00:00:00+01:00',
  reason: 'contract',
};
const PRICES = {
  input: '3',
  cache_write_5m: '3.75',
  cache_write_1h: '6',
  cache_read: '0.15',
  output: '15.000001',
};

beforeAll(async () => {
  for (const id of ['squad', 'other']) await makeCostCenter(id);
});

function problemsOf(answer: Answer): { path: string; message: string }[] {
  expect(answer).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } });
  return Object(answer.body).error.problems;
}

/** Makes one for a span of its own, a year a call, and returns its id. */
let year = 2100;
async function make(change: object = {}): Promise<string> {
  year += 1;
  const span = { effective_from: `${year}-01-01T00:00:00Z`, effective_until: `${year + 1}-01-01T00:00:00Z` };
  const answer = await call('POST', PATH, { ...FIRST, ...span, ...change });
  expect(answer).toMatchObject({ status: 201 });
  return field(answer, 'id');
}

describe('a negotiated price', () => {
  test('is created, in every wallet when the call returns, and in the audit log', async () => {
    const answer = await call('POST', PATH, FIRST);
    expect(answer).toMatchObject({ status: 201 });
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^price_[0-9A-Z]{26}$/),
      model: OPUS,
      percent_off: '12.5',
      prices: null,
      effective_from: '2035-12-31T23:00:00.000Z',
      effective_until: null,
      reason: 'contract',
      ended_at: null,
      created_at: NOON,
    });
    for (const id of ['squad', 'other']) {
      expect(await storedRevision(id)).toBe(2);
      expect(await walletRevision(id)).toBe(2);
    }
    expect(rows(await call('GET', '/audit'))[0]).toMatchObject({
      action: 'price_override.create',
      cost_center: null,
      target: field(answer, 'id'),
      before: null,
      after: answer.body,
    });
    await call('DELETE', `${PATH}/${field(answer, 'id')}`);
  });

  test('can be prices of its own, of every model, and a model by its alias', async () => {
    const { percent_off: _, ...rest } = FIRST;
    const own = { ...rest, model: 'claude-haiku-4-5', prices: PRICES };
    const answer = await call('POST', PATH, own);
    expect(answer).toMatchObject({
      status: 201,
      body: { model: 'claude-haiku-4-5-20251001', percent_off: null, prices: PRICES },
    });
    expect(await call('POST', PATH, { ...FIRST, model: null, percent_off: '100' })).toMatchObject({
      status: 201,
      body: { model: null, percent_off: '100' },
    });
  });

  test.each<[string, object, string[]]>([
    ['of a model nobody knows', { model: 'claude-opus-5-7' }, ['model']],
    ['without a model', { model: undefined }, ['model']],
    ['of more than everything', { percent_off: '100.0001' }, ['percent_off']],
    ['of less than nothing', { percent_off: '-1' }, ['percent_off']],
    ['of five decimals', { percent_off: '1.00001' }, ['percent_off']],
    ['of a number', { percent_off: 12.5 }, ['percent_off']],
    ['of neither', { percent_off: undefined }, ['percent_off']],
    ['of both', { prices: PRICES }, ['percent_off']],
    [
      'with a class left out',
      { percent_off: undefined, prices: { ...PRICES, output: undefined } },
      ['prices.output'],
    ],
    [
      'with a price below 0',
      { percent_off: undefined, prices: { ...PRICES, input: '-1' } },
      ['prices.input'],
    ],
    [
      'with a price of seven decimals',
      { percent_off: undefined, prices: { ...PRICES, input: '1.0000001' } },
      ['prices.input'],
    ],
    ['from now', { effective_from: NOON }, ['effective_from']],
    ['from some time', { effective_from: 'next month' }, ['effective_from']],
    ['without a beginning', { effective_from: undefined }, ['effective_from']],
    ['that ends before it begins', { effective_until: '2035-07-01T00:00:00Z' }, ['effective_until']],
    ['that ends as it begins', { effective_until: FIRST.effective_from }, ['effective_until']],
    ['without a reason', { reason: ' ' }, ['reason']],
    ['with an unknown field', { cost_center: 'squad' }, ['cost_center']],
    [
      'with everything wrong at once',
      {
        model: 'x',
        percent_off: '101',
        prices: {},
        effective_from: '2020-01-01T00:00:00Z',
        effective_until: 'x',
        reason: '',
      },
      ['model', 'percent_off', 'prices.input', 'effective_from', 'effective_until', 'reason'],
    ],
  ])('%s is a 400 that names the field', async (_what, change, paths) => {
    const found = problemsOf(await call('POST', PATH, { ...FIRST, ...change })).map(({ path }) => path);
    expect(found).toEqual(expect.arrayContaining(paths));
    const rest = found.filter((path) => !paths.includes(path) && !path.startsWith('prices.'));
    expect(rest).toEqual([]);
  });

  test('from the past says what to do instead', async () => {
    const [problem] = problemsOf(
      await call('POST', PATH, { ...FIRST, effective_from: '2035-06-01T00:00:00Z' }),
    );
    expect(problem?.message).toMatch(/in the future: turns admitted before now are charged already.*choose/);
  });

  test.each<[string, string, string | undefined, number]>([
    ['within another', '2040-03-01T00:00:00Z', '2040-04-01T00:00:00Z', 400],
    ['into the beginning of another', '2039-01-01T00:00:00Z', '2040-01-01T00:00:00.001Z', 400],
    ['without an end before another', '2039-01-01T00:00:00Z', undefined, 400],
    ['up to another', '2039-01-01T00:00:00Z', '2040-01-01T00:00:00Z', 201],
    ['from the end of another', '2041-01-01T00:00:00Z', '2042-01-01T00:00:00Z', 201],
  ])('that lasts %s', async (_what, effectiveFrom, effectiveUntil, status) => {
    const span = { effective_from: '2040-01-01T00:00:00Z', effective_until: '2041-01-01T00:00:00Z' };
    const id = await make({ model: 'claude-sonnet-5-5', ...span });
    const further = { ...FIRST, effective_from: effectiveFrom, effective_until: effectiveUntil };
    expect(await call('POST', PATH, { ...further, model: 'claude-opus-5' })).toMatchObject({ status: 201 });
    const answer = await call('POST', PATH, { ...further, model: 'claude-sonnet-5-5' });
    expect(answer.status).toBe(status);
    if (status === 400) {
      expect(problemsOf(answer)).toEqual([{ path: 'effective_from', message: expect.stringContaining(id) }]);
      const wrong = await call('POST', PATH, { ...further, model: 'claude-sonnet-5-5', reason: '' });
      expect(problemsOf(wrong).map(({ path }) => path)).toEqual(['reason', 'effective_from']);
    }
    await endAll();
  });

  test('of two that come at once and overlap is one', async () => {
    const answers = await Promise.all(
      [1, 2, 3].map(() => call('POST', PATH, { ...FIRST, model: 'claude-opus-4-8' })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 400, 400]);
    await endAll();
  });

  test('is stored and answered where no wallet can be reached: it begins later, and they pull', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const line = walletLine('refresh', () => {
      passTime(10_000);
      return Promise.reject(BROKEN);
    });
    const span = { effective_from: '2090-01-01T00:00:00Z', effective_until: '2091-01-01T00:00:00Z' };
    expect(await call('POST', PATH, { ...FIRST, ...span }, { WALLET: line.wallets })).toMatchObject({
      status: 201,
    });
  });
});

/** Ends whatever is not over yet. */
async function endAll(): Promise<void> {
  for (const row of rows(await call('GET', `${PATH}?limit=1000`)))
    await call('DELETE', `${PATH}/${Object(row).id}`);
}

describe('the list', () => {
  test('is newest first, those that are over too, page by page', async () => {
    const ids = [await make(), await make(), await make()];
    await call('DELETE', `${PATH}/${ids[2]}`);
    const first = await call('GET', `${PATH}?limit=2`);
    expect(rows(first)).toMatchObject([
      { id: ids[2], ended_at: NOON },
      { id: ids[1], ended_at: null },
    ]);
    const second = await call('GET', `${PATH}?limit=1&cursor=${field(first, 'next_cursor')}`);
    expect(rows(second)).toMatchObject([{ id: ids[0] }]);
    expect(problemsOf(await call('GET', `${PATH}?cursor=x`))).toMatchObject([{ path: 'cursor' }]);
  });
});

describe('ending one', () => {
  test('is from now on, once, in wallets and audit log, and its span is free again', async () => {
    const id = await make();
    passTime(1_000);
    const revision = (await storedRevision('squad')) ?? 0;
    expect(await call('DELETE', `${PATH}/${id}`)).toMatchObject({ status: 204 });
    passTime(1_000);
    expect(await call('DELETE', `${PATH}/${id}`)).toMatchObject({ status: 204 });
    expect(await storedRevision('squad')).toBe(revision + 1);
    expect(await walletRevision('squad')).toBe(revision + 1);
    expect(rows(await call('GET', '/audit'))[0]).toMatchObject({
      action: 'price_override.end',
      target: id,
      before: { ended_at: null },
      after: { ended_at: '2035-06-13T12:00:01.000Z' },
    });
    year -= 1;
    await make();
  });

  test('of none is a 404', async () => {
    expect(await call('DELETE', `${PATH}/price_x`)).toMatchObject({ status: 404 });
  });
});

describe('D1 has', () => {
  test('the list prices from the first cost center on, as the catalogue says', async () => {
    const { results } = await env.DB.prepare(
      "SELECT * FROM list_prices WHERE model = 'claude-haiku-5-5' ORDER BY tier",
    ).all();
    const common = {
      version: builtinCatalogue.version,
      effective_from: '2026-10-07T00:00:00.000Z',
      line: 'haiku',
    };
    expect(results).toMatchObject([
      { ...common, max_prompt_tokens: 100_000, input_pico_usd: 100_000, geo_us_millionths: 1_100_000 },
      { ...common, max_prompt_tokens: null, output_pico_usd: 2_500_000, fast_millionths: 1_000_000 },
    ]);
    const models = await env.DB.prepare('SELECT count(DISTINCT model) AS n FROM list_prices').first('n');
    expect(models).toBe(builtinCatalogue.models.length);
  });

  test('them once, whoever publishes again, and a further version beside them', async () => {
    const count = () => env.DB.prepare('SELECT count(*) AS n FROM list_prices').first<number>('n');
    const before = (await count()) ?? 0;
    const database = openDatabase(env.DB);
    await publishListPrices(database, builtinCatalogue, NOON);
    expect(await count()).toBe(before);
    const next = { ...builtinCatalogue, version: 'builtin-next' };
    await Promise.all([1, 2].map(() => publishListPrices(database, next, NOON)));
    expect(await count()).toBe(2 * before);
  });

  test.each([
    ['to change a list price', 'UPDATE list_prices SET input_pico_usd = 0'],
    ['to delete list prices', 'DELETE FROM list_prices'],
    ['to change a version', "UPDATE price_versions SET published_at = ''"],
    ['to delete versions', 'DELETE FROM price_versions'],
    [
      'to change terms',
      'UPDATE price_overrides SET percent_off_millionths = 1, ended_at = created_at WHERE ended_at IS NULL',
    ],
    ['to take back an end', 'UPDATE price_overrides SET ended_at = NULL WHERE ended_at IS NOT NULL'],
    ['to move an end', "UPDATE price_overrides SET ended_at = '2099' WHERE ended_at IS NOT NULL"],
    ['to delete an override', 'DELETE FROM price_overrides'],
  ])('refused %s', async (_what, statement) => {
    await make();
    await expect(env.DB.prepare(statement).run()).rejects.toThrow(/never (changed|deleted)/);
  });

  test.each([
    'price_versions',
    'list_prices',
    'price_overrides',
  ])('refused to replace rows of %s', async (table) => {
    const all = async () => (await env.DB.prepare(`SELECT rowid, * FROM ${table}`).all()).results;
    const before = await all();
    await env.DB.prepare(`INSERT OR REPLACE INTO ${table} SELECT * FROM ${table}`).run();
    expect(await all()).toEqual(before);
  });
});
