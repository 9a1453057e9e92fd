/** What turns are charged: contracted and list cost, by the prices they were held with, and on the model asked for. */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { openDatabase } from '../../worker/store/database.ts';
import { publishListPrices } from '../../worker/store/list-prices.ts';
import { completed, openRequest, usageOf, usd } from '../fixture.ts';
import {
  change,
  dayBudget,
  drain,
  openWallet,
  passTime,
  type Scenario,
  standingOf,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

const VERSION = 'builtin-2026-11-23';
const HOUR_MS = 3_600_000;
const OPUS = 'claude-opus-5-5';
/** A dollar at list on Opus 5.5. */
const DOLLAR = usageOf({ outputTokens: 50_000 });

interface Row {
  kind: string;
  corrects: string | null;
  charged_nano_usd: number;
  list_nano_usd: number;
  asked_nano_usd: number | null;
  list_price_version: string;
  charged_price_version: string;
}

/** Overrides are everyone's: each test starts without those of others. */
beforeEach(async () => {
  await env.DB.prepare(
    "UPDATE price_overrides SET ended_at = '2035-06-13T12:00:00.000Z' WHERE ended_at IS NULL",
  ).run();
});

function negotiate(id: string, model: string | null, offMillionths: number, from = new Date().toISOString()) {
  return env.DB.prepare(
    `INSERT INTO price_overrides (id, model, percent_off_millionths, effective_from, reason, created_at)
     VALUES (?, ?, ?, ?, 'contract', ?)`,
  ).bind(id, model, offMillionths, from, new Date().toISOString());
}

function end(id: string) {
  return env.DB.prepare('UPDATE price_overrides SET ended_at = ? WHERE id = ?').bind(
    new Date().toISOString(),
    id,
  );
}

async function rowsOf({ id, wallet }: Scenario): Promise<Row[]> {
  await drain(wallet);
  const { results } = await env.DB.prepare(
    `SELECT kind, corrects, charged_nano_usd, list_nano_usd, asked_nano_usd, list_price_version, charged_price_version
     FROM ledger_entries WHERE cost_center = ? ORDER BY settle_seq`,
  )
    .bind(id)
    .all<Row>();
  return results;
}

/** An override of every model from now on, known to the wallet. */
async function contracted(name: string, policy: object | null = dayBudget('10')): Promise<Scenario> {
  const scenario = await openWallet(policy);
  await change(scenario, negotiate(name, null, 250_000));
  return scenario;
}

async function runTurn({ id, wallet }: Scenario, turnId: string, usage = DOLLAR): Promise<void> {
  await wallet.open(openRequest(id, turnId));
  await wallet.settle(completed(turnId, usage));
}

describe('a turn is charged', () => {
  test('at list without a contract', async () => {
    const scenario = await openWallet(null);
    await runTurn(scenario, 't');
    const same = usd(1);
    expect(await rowsOf(scenario)).toMatchObject([
      { charged_nano_usd: same, list_nano_usd: same, asked_nano_usd: same, charged_price_version: VERSION },
    ]);
  });

  test('at the contract, with the list’s cost beside it, and budgets count what is charged', async () => {
    const scenario = await contracted('price_a');
    await runTurn(scenario, 't');
    expect(await rowsOf(scenario)).toEqual([
      {
        kind: 'charge',
        corrects: null,
        charged_nano_usd: usd(0.75),
        list_nano_usd: usd(1),
        asked_nano_usd: usd(0.75),
        list_price_version: VERSION,
        charged_price_version: `${VERSION}+price_a`,
      },
    ]);
    expect(await standingOf(scenario)).toMatchObject({ settledNanoUsd: usd(0.75), heldNanoUsd: 0 });
  });

  test('and held at the contract', async () => {
    const list = await openWallet(dayBudget('10'));
    await list.wallet.open(openRequest(list.id, 't'));
    const scenario = await contracted('price_b');
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    const held = (await standingOf(list))?.heldNanoUsd ?? 0;
    expect(await standingOf(scenario)).toMatchObject({ heldNanoUsd: Math.ceil((held * 3) / 4) });
  });

  test('by the prices it was held with, whatever begins while it runs', async () => {
    const scenario = await openWallet(null);
    await scenario.wallet.open(openRequest(scenario.id, 'before'));
    // Even one that claims an instant before the turn.
    await change(scenario, negotiate('price_c', OPUS, 500_000, '2035-01-01T00:00:00.000Z'));
    await scenario.wallet.open(openRequest(scenario.id, 'after'));
    await scenario.wallet.settle(completed('before', DOLLAR));
    await scenario.wallet.settle(completed('after', DOLLAR));
    expect(await rowsOf(scenario)).toMatchObject([
      { charged_nano_usd: usd(1), charged_price_version: VERSION },
      { charged_nano_usd: usd(0.5), charged_price_version: `${VERSION}+price_c` },
    ]);
  });

  test('by the prices it was held with, whatever ends while it runs', async () => {
    const scenario = await contracted('price_d');
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    passTime(1_000);
    await change(scenario, end('price_d'));
    await scenario.wallet.settle(completed('t', DOLLAR));
    await runTurn(scenario, 'next');
    expect((await rowsOf(scenario)).map((row) => row.charged_nano_usd)).toEqual([usd(0.75), usd(1)]);
  });

  test('from the instant the contract begins, by the time it was admitted', async () => {
    const scenario = await openWallet(null);
    const from = new Date(Date.now() + HOUR_MS).toISOString();
    await change(scenario, negotiate('price_e', null, 250_000, from));
    passTime(HOUR_MS - 1);
    await scenario.wallet.open(openRequest(scenario.id, 'just before'));
    passTime(1);
    await runTurn(scenario, 'at it');
    await scenario.wallet.settle(completed('just before', DOLLAR));
    expect((await rowsOf(scenario)).map((row) => row.charged_nano_usd)).toEqual([usd(0.75), usd(1)]);
  });

  test('and corrected by the difference, list, contract and asked, at the same prices', async () => {
    const scenario = await contracted('price_f');
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    await scenario.wallet.endHold('t', 'a test');
    await change(scenario, end('price_f'));
    await scenario.wallet.settle(completed('t', DOLLAR));
    const [charge, correction] = await rowsOf(scenario);
    const estimated = charge?.charged_nano_usd ?? 0;
    expect(charge).toMatchObject({ kind: 'charge', charged_price_version: `${VERSION}+price_f` });
    expect(correction).toEqual({
      kind: 'correction',
      corrects: expect.any(String),
      charged_nano_usd: usd(0.75) - estimated,
      list_nano_usd: usd(1) - (charge?.list_nano_usd ?? 0),
      asked_nano_usd: usd(0.75) - estimated,
      list_price_version: VERSION,
      charged_price_version: `${VERSION}+price_f`,
    });
  });

  test('nothing for a turn that failed after its lease: all of it is taken back', async () => {
    const scenario = await contracted('price_g');
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    await scenario.wallet.endHold('t', 'a test');
    const answer = completed('t', DOLLAR).answer;
    await scenario.wallet.settle({ turnId: 't', attempt: 1, outcome: { kind: 'failed' }, answer });
    const rows = await rowsOf(scenario);
    const sum = (of: (row: Row) => number | null) => rows.reduce((total, row) => total + (of(row) ?? 0), 0);
    expect(rows).toHaveLength(2);
    expect(sum((row) => row.charged_nano_usd)).toBe(0);
    expect(sum((row) => row.list_nano_usd)).toBe(0);
    expect(sum((row) => row.asked_nano_usd)).toBe(0);
    expect(rows[1]).toMatchObject({ charged_price_version: `${VERSION}+price_g` });
  });

  test('with what the model asked for would have cost, where it was stepped down', async () => {
    const stages = [
      { at: '0.50', do: 'downgrade', step_down: 'always' },
      { at: '1.00', do: 'pause' },
    ];
    const scenario = await openWallet(dayBudget('10', { stages }));
    await runTurn(scenario, 'spent', usageOf({ outputTokens: 300_000 }));
    const { id, wallet } = scenario;
    const facts = {
      session: 'new',
      model: OPUS,
      cacheTtl: '1h',
      bodyBytes: 400_000,
      maxTokens: 100,
    } as const;
    expect(await wallet.open(openRequest(id, 't', facts))).toMatchObject({ model: 'claude-sonnet-5-5' });
    const usage = usageOf({ cacheWrite1hTokens: 100_000 }, { model: 'claude-sonnet-5-5' });
    await wallet.settle(completed('t', usage));
    expect((await rowsOf(scenario))[1]).toMatchObject({
      charged_nano_usd: usd(0.4),
      list_nano_usd: usd(0.4),
      asked_nano_usd: usd(0.8),
    });
  });

  test('and without an asked cost where it was refused', async () => {
    const scenario = await openWallet(dayBudget('0'));
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    expect(await rowsOf(scenario)).toMatchObject([
      { kind: 'refusal', asked_nano_usd: null, charged_price_version: VERSION },
    ]);
  });
});

describe('finance reads in D1', () => {
  const PRICES = `SELECT kind, list_effective_from, max_prompt_tokens, list_input_pico_usd, list_output_pico_usd,
    override_id, percent_off_millionths FROM entry_prices WHERE cost_center = ? ORDER BY entry_id`;
  const haiku = {
    list_effective_from: '2026-10-07T00:00:00.000Z',
    override_id: null,
    percent_off_millionths: null,
  };

  test.each<[string, string, number, object]>([
    [
      'of the list',
      'claude-haiku-5-5',
      100_000,
      { ...haiku, max_prompt_tokens: 100_000, list_input_pico_usd: 100_000 },
    ],
    [
      'of a tier',
      'claude-haiku-5-5',
      100_001,
      { ...haiku, max_prompt_tokens: null, list_input_pico_usd: 500_000 },
    ],
    ['of a later period', 'claude-sonnet-5-5', 1, { list_effective_from: '2026-10-07T00:00:00.000Z' }],
    [
      'by an alias',
      'claude-haiku-4-5',
      1,
      { list_input_pico_usd: 1_000_000, list_output_pico_usd: 5_000_000 },
    ],
    ['by a snapshot', `${OPUS}-20260922`, 1, { list_input_pico_usd: 4_000_000 }],
    ['of a model nobody knows: none', 'model-x', 1, { list_input_pico_usd: null }],
  ])('which prices an entry was made with: %s', async (_what, model, inputTokens, expected) => {
    await publishListPrices(openDatabase(env.DB), builtinCatalogue, new Date().toISOString());
    const { id, wallet } = await openWallet(null);
    await wallet.open(openRequest(id, 't', { model }));
    await wallet.settle(completed('t', usageOf({ inputTokens }, { model })));
    await drain(wallet);
    expect((await env.DB.prepare(PRICES).bind(id).all()).results).toMatchObject([expected]);
  });

  test('which negotiated prices an entry and its correction were made with', async () => {
    await publishListPrices(openDatabase(env.DB), builtinCatalogue, new Date().toISOString());
    const { id, wallet } = await contracted('price_i');
    await wallet.open(openRequest(id, 't'));
    await wallet.endHold('t', 'a test');
    await wallet.settle(completed('t', DOLLAR));
    await drain(wallet);
    const negotiated = {
      list_output_pico_usd: 20_000_000,
      override_id: 'price_i',
      percent_off_millionths: 250_000,
    };
    expect((await env.DB.prepare(PRICES).bind(id).all()).results).toMatchObject([
      { kind: 'charge', ...negotiated },
      { kind: 'correction', ...negotiated },
    ]);
  });
});

test('prices are kept once for each change, and no longer than turns can need them', async () => {
  const scenario = await contracted('price_h', null);
  const books = () =>
    runInDurableObject(scenario.wallet, (_, { storage }) =>
      storage.sql
        .exec<{ id: number }>('SELECT id FROM price_books ORDER BY id')
        .toArray()
        .map(({ id }) => id),
    );
  for (const turn of ['a', 'b']) await runTurn(scenario, turn);
  expect(await books()).toEqual([1]);
  await change(scenario, end('price_h'));
  await runTurn(scenario, 'c');
  expect(await books()).toEqual([1, 2]);
  passTime(8 * 24 * HOUR_MS);
  await runTurn(scenario, 'd');
  await drain(scenario.wallet);
  expect(await books()).toEqual([2]);
});
