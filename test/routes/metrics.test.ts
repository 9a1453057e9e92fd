import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { app } from '../../worker/app.ts';
import type { Env } from '../../worker/bindings.ts';
import { completed, createCostCenter, openRequest, walletStub } from '../fixture.ts';
import { costing, dayBudget, openWallet, passTime, useFakeClock } from '../wallet/scenario.ts';
import { addEntries, entryOf } from './admin/ledger-rows.ts';

useFakeClock();

async function scrape(query = '', token = 'test-admin-token-0001', bindings: object = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` };
  return await app.request(`/metrics${query}`, { headers }, { ...(env as unknown as Env), ...bindings });
}

/** The sample lines about one cost center, or about none. */
async function samplesOf(costCenter: string | null): Promise<string[]> {
  const text = await (await scrape()).text();
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .filter((line) =>
      costCenter === null ? !line.includes('cost_center') : line.includes(`cost_center="${costCenter}"`),
    );
}

/** The wallets, of which one answers like this. */
function without(costCenter: string, gauges: () => Promise<unknown>): object {
  return {
    idFromName: (name: string) => name,
    get: (name: string) => (name === costCenter ? { gauges } : walletStub(name)),
  };
}

const rows: Entry[] = [
  entryOf({ entry_id: '1', charged_nano_usd: 1_500_000_000, output_tokens: 100 }),
  entryOf({ entry_id: '2', decision: 'downgrade', charged_nano_usd: 250_000_000, cache_read_tokens: 7 }),
  entryOf({ entry_id: '3', kind: 'correction', charged_nano_usd: -500_000_000, output_tokens: -40 }),
  entryOf({
    entry_id: '4',
    kind: 'refusal',
    decision: 'refuse',
    charged_nano_usd: 0,
    input_tokens: 0,
    output_tokens: 0,
  }),
  ...['5', '6'].map((id) =>
    entryOf({ entry_id: id, cost_center: 'rich', charged_nano_usd: Number.MAX_SAFE_INTEGER }),
  ),
];

beforeAll(async () => {
  await createCostCenter('measured', null);
  const exact = { cost_center: 'measured', admitted_at: '2035-06-13T00:00:00.000Z', estimated: false };
  await addEntries([
    entryOf({ ...exact, entry_id: 'm1', expected_nano_usd: 110, held_nano_usd: 150, charged_nano_usd: 100 }),
    entryOf({ ...exact, entry_id: 'm2', expected_nano_usd: 70, held_nano_usd: 150, charged_nano_usd: 100 }),
    entryOf({ ...exact, entry_id: 'm3', admitted_at: '2035-06-12T00:00:00.000Z' }),
  ]);
  await addEntries(rows.slice(0, 3));
  await addEntries(rows);
});

describe('counters', () => {
  test('are the ledger’s sums by cost center and decision, also where a batch came twice', async () => {
    expect(await samplesOf('squad')).toEqual([
      'bursar_turns_total{cost_center="squad",decision="downgrade"} 1',
      'bursar_turns_total{cost_center="squad",decision="proceed"} 1',
      'bursar_turns_total{cost_center="squad",decision="refuse"} 1',
      'bursar_refusals_total{cost_center="squad"} 1',
      'bursar_entries_total{cost_center="squad",decision="downgrade",kind="charge"} 1',
      'bursar_entries_total{cost_center="squad",decision="proceed",kind="charge"} 1',
      'bursar_entries_total{cost_center="squad",decision="proceed",kind="correction"} 1',
      'bursar_entries_total{cost_center="squad",decision="refuse",kind="refusal"} 1',
      'bursar_charged_usd_total{cost_center="squad",decision="downgrade"} 0.25',
      'bursar_charged_usd_total{cost_center="squad",decision="proceed"} 1.50',
      'bursar_charged_usd_total{cost_center="squad",decision="refuse"} 0.00',
      'bursar_credited_usd_total{cost_center="squad",decision="downgrade"} 0.00',
      'bursar_credited_usd_total{cost_center="squad",decision="proceed"} 0.50',
      'bursar_credited_usd_total{cost_center="squad",decision="refuse"} 0.00',
      'bursar_tokens_total{cost_center="squad",decision="downgrade",type="input"} 10',
      'bursar_tokens_total{cost_center="squad",decision="proceed",type="input"} 20',
      'bursar_tokens_total{cost_center="squad",decision="refuse",type="input"} 0',
      'bursar_tokens_total{cost_center="squad",decision="downgrade",type="cache_write"} 0',
      'bursar_tokens_total{cost_center="squad",decision="proceed",type="cache_write"} 0',
      'bursar_tokens_total{cost_center="squad",decision="refuse",type="cache_write"} 0',
      'bursar_tokens_total{cost_center="squad",decision="downgrade",type="cache_read"} 7',
      'bursar_tokens_total{cost_center="squad",decision="proceed",type="cache_read"} 0',
      'bursar_tokens_total{cost_center="squad",decision="refuse",type="cache_read"} 0',
      'bursar_tokens_total{cost_center="squad",decision="downgrade",type="output"} 5',
      'bursar_tokens_total{cost_center="squad",decision="proceed",type="output"} 100',
      'bursar_tokens_total{cost_center="squad",decision="refuse",type="output"} 0',
    ]);
  });

  test('are exact beyond what a number holds', async () => {
    expect(await samplesOf('rich')).toContain(
      'bursar_charged_usd_total{cost_center="rich",decision="proceed"} 18014398.509481982',
    );
  });
});

describe('gauges', () => {
  test('tell of open holds, of what is on its way to D1 and for how long', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await wallet.open(openRequest(id, 'open'));
    await wallet.open(openRequest(id, 'settled', { session: 'other' }));
    await wallet.settle(completed('settled', costing(1)));
    passTime(90_000);
    const samples = await samplesOf(id);
    expect(samples).toContain(`bursar_holds_open{cost_center="${id}"} 1`);
    expect(samples).toContain(`bursar_outbox_depth{cost_center="${id}"} 1`);
    expect(samples).toContain(`bursar_ledger_lag_seconds{cost_center="${id}"} 90`);
    const held = samples.find((line) => line.startsWith('bursar_held_usd'));
    expect(Number(held?.split(' ')[1])).toBeGreaterThan(0);
  });

  test('tell how far off estimates were on the last day, by kind of turn', async () => {
    const samples = await samplesOf(null);
    expect(samples).toContain('bursar_estimate_error_median{kind="main"} 0.2');
    expect(samples).toContain('bursar_held_to_charged_ratio{kind="main"} 1.5');
  });

  test.each([
    ['is away', () => Promise.reject(new Error('away'))],
    ['hangs', () => new Promise(() => undefined)],
  ])('count a wallet that %s, and tell of the others', async (_, gauges) => {
    const { id } = await openWallet(null);
    const { id: broken } = await openWallet(null);
    const text = await (await scrape('', undefined, { WALLET: without(broken, gauges) })).text();
    expect(text).toContain('\nbursar_wallets_unanswered 1\n');
    expect(text).not.toContain(`cost_center="${broken}"`);
    expect(text).toContain(`bursar_outbox_depth{cost_center="${id}"} 0`);
  });

  test('come a page of cost centers at a time', async () => {
    const [first = '', second = ''] = [(await openWallet(null)).id, (await openWallet(null)).id].toSorted();
    const head = await (await scrape('?limit=1')).text();
    expect(head).toContain('bursar_wallets_answered 1\n');
    expect(head).not.toContain('bursar_wallets_unasked 0\n');
    const page = await (await scrape(`?after=${first}&limit=1`)).text();
    expect(page).toContain(`bursar_holds_open{cost_center="${second}"}`);
    expect(page).not.toContain(`cost_center="${first}"`);
  });
});

describe('the call', () => {
  test('answers in the text format, each family described once', async () => {
    const response = await scrape();
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const lines = (await response.text()).split('\n');
    const types = lines.filter((line) => line.startsWith('# TYPE'));
    expect(new Set(types).size).toBe(types.length);
    for (const line of lines.filter((each) => each !== '')) {
      expect(line).toMatch(/^(?:# (?:HELP|TYPE) bursar_\w+ .+|bursar_\w+(?:\{.*\})? [\d.]+)$/);
    }
  });

  test.each([
    ['without the token', '', ''],
    ['with a wrong one', '', 'wrong'],
  ])('%s is a 401 in the envelope', async (_, query, token) => {
    const response = await scrape(query, token);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { type: 'authentication_error' } });
  });

  test.each(['?limit=0', '?limit=501', '?limit=x', '?page=2'])('%s is a 400', async (query) => {
    const response = await scrape(query);
    expect(response.status).toBe(400);
  });
});
