import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { connectAdminApi, expectReply } from '../../scripts/local/admin-api.ts';
import { DEMO_COST_CENTER } from '../../scripts/local/demo.ts';
import { BEDROCK_SECRETS } from '../providers/bedrock/bedrock-scene.ts';
import { type ChaosProvider, startChaosProvider, textOf } from './chaos-provider.ts';
import { ADMIN_TOKEN, teamDay } from './demo-ledger.ts';
import { eventually } from './eventually.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';

const TURNS = 1_000;
const AT_A_TIME = 32;
/** Input at $4 and cache reads at $0.20 a million tokens, output at $20. */
const ANSWER_NANO_USD = 1_000 * 4_000 + 2_000 * 200 + 40 * 20_000;
const FAILOVER = { attempts: 3, first_byte_ms: 1_000, total_ms: 5_000 };

let stateDir: string;
let providers: ChaosProvider[];
let gateway: GatewayProcess;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'bursar-chaos-'));
  providers = await Promise.all([
    startChaosProvider('red', 'anthropic'),
    startChaosProvider('green', 'anthropic'),
    startChaosProvider('blue', 'bedrock'),
  ]);
  const [red, green, blue] = providers.map(({ url }) => ({ url }));
  const onBedrock = { kind: 'bedrock', region: 'eu-central-1', price_multiplier: '1', secret: 'AWS_KEYS' };
  const list = [
    { id: 'red', kind: 'anthropic', secret: 'CHAOS_KEY', ...red },
    { id: 'green', kind: 'anthropic', secret: 'CHAOS_KEY', ...green },
    { id: 'blue', ...onBedrock, ...blue },
  ];
  const env = {
    ADMIN_TOKEN,
    PROVIDERS: JSON.stringify(list),
    CHAOS_KEY: 'chaos',
    AWS_KEYS: BEDROCK_SECRETS.AWS_KEYS,
    FAILOVER: JSON.stringify(FAILOVER),
  };
  gateway = await startGatewayProcess({ stateDir, env });
});
afterAll(async () => {
  await gateway?.end('SIGINT');
  await Promise.all(providers.map((provider) => provider.close()));
  await rm(stateDir, { recursive: true, force: true });
});

interface Outcome {
  status: number;
  provider: string | null;
  /** Null: it broke. */
  text: string | null;
  headMs: number;
}

async function sendTurn(number: number): Promise<Outcome> {
  const sentAt = performance.now();
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${gateway.key}`,
      'content-type': 'application/json',
      connection: 'close',
      'x-claude-code-session-id': `chaos-${number % 97}`,
    },
    body: JSON.stringify({
      model: 'claude-opus-5-5',
      max_tokens: 1_000,
      messages: [{ role: 'user', content: `turn ${number}` }],
      stream: true,
    }),
  });
  const headMs = performance.now() - sentAt;
  const text = await response.text().catch(() => null);
  return { status: response.status, provider: response.headers.get('x-bursar-provider'), text, headMs };
}

const entrySchema = z.looseObject({
  turn_id: z.string(),
  attempt: z.number(),
  kind: z.string(),
  charged_nano_usd: z.number(),
  estimated: z.boolean(),
  estimated_why: z.string().nullable(),
  provider_instance: z.string().nullable(),
  upstream_request_id: z.string().nullable(),
});
type Entry = z.infer<typeof entrySchema>;

async function allEntries(): Promise<Entry[]> {
  const api = connectAdminApi(new URL(gateway.url), ADMIN_TOKEN);
  const page = z.object({ data: z.array(entrySchema), next_cursor: z.string().nullable() });
  const entries: Entry[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const after = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const reply = await api.get(`/ledger?cost_center=${DEMO_COST_CENTER}&limit=500${after}`);
    const { data, next_cursor: next } = expectReply(reply, 200, page);
    entries.push(...data);
    cursor = next;
  }
  return entries;
}

function percentile(values: number[], share: number): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
}

test('a thousand turns among providers that fail, stall, break and reset are charged once each, and none is lost', async () => {
  const outcomes: Outcome[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < TURNS) {
      next += 1;
      outcomes.push(await sendTurn(next));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));

  const entries = await eventually('every turn’s last entry', 20_000, async () => {
    const found = await allEntries();
    const isEnd = (each: Entry): boolean => each.estimated_why !== 'first_byte_late';
    const isThere = new Set(found.filter(isEnd).map((each) => each.turn_id)).size === TURNS;
    return isThere && (await teamDay(gateway.url)).held_usd === '0.00' ? found : null;
  });

  const charged = (why: string | null): Entry[] =>
    entries.filter((each) => each.kind === 'charge' && each.estimated_why === why);
  const did = (mood: keyof ChaosProvider['did']): number =>
    providers.reduce((sum, provider) => sum + provider.did[mood], 0);

  // What a provider answered to the end is in the ledger once, to the nano-USD, unless it came too late: then it is
  // there as an estimate.
  const exact = charged(null);
  const late = charged('first_byte_late');
  const answered = new Set(providers.flatMap((provider) => provider.answered));
  expect(exact.every((each) => each.charged_nano_usd === ANSWER_NANO_USD)).toBe(true);
  expect(exact.every((each) => answered.delete(each.upstream_request_id ?? ''))).toBe(true);
  expect(answered.size).toBeLessThanOrEqual(late.length);
  expect(late.length).toBeGreaterThan(0);
  const whole = outcomes.filter(({ status, text }) => status === 200 && text?.includes('message_stop'));
  expect(whole).toHaveLength(exact.length);
  expect(new Set(whole.map(({ provider }) => provider)).size).toBe(providers.length);
  for (const { provider, text } of whole) expect(text).toContain(textOf(provider ?? '', `req_${provider}`));

  // What broke after its first byte is charged by estimate, and its client was told.
  const cut = charged('upstream_cut');
  const excepted = charged('upstream_error');
  const broken = cut.length + excepted.length;
  expect(cut.length).toBeGreaterThan(0);
  expect(cut.length).toBeLessThanOrEqual(did('reset') + did('half'));
  expect(excepted.length).toBeGreaterThan(0);
  expect(excepted.length).toBeLessThanOrEqual(did('except') + did('corrupt'));
  const begun = outcomes.filter(({ status }) => status === 200);
  expect(begun).toHaveLength(exact.length + broken);
  expect(begun.filter(({ text }) => text?.includes('event: error'))).toHaveLength(broken);

  // Each turn ended once: charged, broken or failed; before that it was only given up.
  const ends = entries.filter((each) => each.estimated_why !== 'first_byte_late');
  expect(ends).toHaveLength(TURNS);
  expect(new Set(ends.map((each) => each.turn_id)).size).toBe(TURNS);
  expect(ends.length - exact.length - broken).toBe(outcomes.filter(({ status }) => status >= 400).length);
  expect(new Set(entries.map((each) => `${each.turn_id} ${each.attempt}`)).size).toBe(entries.length);

  // The wallet has what the ledger has, and a failover keeps to its budget.
  const sum = entries.reduce((total, each) => total + each.charged_nano_usd, 0);
  expect(Number((await teamDay(gateway.url)).settled_usd)).toBeCloseTo(sum / 1e9, 2);
  expect(
    percentile(
      outcomes.map(({ headMs }) => headMs),
      0.99,
    ),
  ).toBeLessThan(FAILOVER.total_ms);
});
