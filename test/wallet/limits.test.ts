/** Limits besides money in the wallet: who waits, for how long, what is kept of it, and what a kill does not change. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { OpenReply, Refusal } from '../../durable-objects/wallet/rpc.ts';
import { ANSWER, completed, DEVELOPER, insertKey, keyIdOf, openRequest, usageOf } from '../fixture.ts';
import { Random } from '../traffic/random.ts';
import { rollOut, versionOf } from './rollout-scenario.ts';
import {
  change,
  changePolicy,
  drain,
  ledgerOf,
  openWallet,
  passTime,
  type Scenario,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

const MINUTE_MS = 60_000;

function limiting(...limits: object[]): object {
  return { budgets: [], limits };
}

let turns = 0;

interface Opened {
  turnId: string;
  reply: OpenReply;
}

async function open(
  { id, wallet }: Scenario,
  keyId = keyIdOf(id),
  facts: Partial<TurnFacts> = {},
): Promise<Opened> {
  turns += 1;
  const turnId = `${id}-${turns}`;
  return { turnId, reply: await wallet.open({ ...openRequest(id, turnId, facts), keyId }) };
}

/** "admitted", or the figure that refused and the seconds to wait. */
async function ask(scenario: Scenario, keyId?: string, facts?: Partial<TurnFacts>): Promise<string> {
  const { reply } = await open(scenario, keyId, facts);
  return said(reply);
}

function said(reply: OpenReply): string {
  if (reply.status !== 'refused') return reply.status;
  return `${reply.reasons.join()} ${reply.refusal.retryAfterSeconds}`;
}

async function settle({ wallet }: Scenario, { turnId }: Opened, outputTokens: number): Promise<void> {
  await wallet.settle(completed(turnId, usageOf({ outputTokens })));
}

async function keyOf(scenario: Scenario, keyId: string, developer: string): Promise<string> {
  await change(scenario, insertKey(scenario.id, keyId, developer, 2));
  return keyId;
}

function refusalOf({ reply }: Opened): Refusal {
  if (reply.status !== 'refused') throw new Error(reply.status);
  return reply.refusal;
}

/** What the wallet keeps: rows of turns, and the number of its last opening. */
async function kept({ wallet }: Scenario): Promise<{ turns: number; openSeq: number }> {
  const query = 'SELECT (SELECT count(*) FROM turns) AS turns, open_seq AS openSeq FROM clock';
  return await runInDurableObject(wallet, (_, state) =>
    state.storage.sql.exec<{ turns: number; openSeq: number }>(query).one(),
  );
}

describe('requests a minute', () => {
  test('send a turn away with the seconds until it fits, and a sentence that names the limit', async () => {
    const scenario = await openWallet(limiting({ scope: 'developer', requests_per_minute: 2 }));
    expect(await ask(scenario)).toBe('admitted');
    passTime(10_500);
    expect(await ask(scenario)).toBe('admitted');
    passTime(1_000);
    const refused = await open(scenario);
    expect(refused.reply).toMatchObject({
      status: 'refused',
      reasons: ['limit:developer@requests_per_minute'],
      refusal: {
        why: 'limit',
        retryable: true,
        retryAfterSeconds: 49,
        standing: null,
        message:
          `The limit of 2 requests a minute of each developer in Squad ${scenario.id} (${DEVELOPER}) is reached; ` +
          'this turn is tried again in 49 seconds.',
      },
    });
    passTime(48_499);
    expect(await ask(scenario)).toBe('limit:developer@requests_per_minute 1');
    passTime(1);
    expect(await ask(scenario)).toBe('admitted');
  });

  test('of a developer count all keys of theirs, those of a key its own, and nobody else’s', async () => {
    const scenario = await openWallet(
      limiting(
        {
          scope: 'developer',
          requests_per_minute: 3,
          overrides: { 'Busy@Example.com': { requests_per_minute: 1 } },
        },
        { id: 'each', scope: 'key', requests_per_minute: 2 },
      ),
    );
    const second = await keyOf(scenario, 'ksecond', DEVELOPER);
    const busy = await keyOf(scenario, 'kbusy', 'busy@example.com');
    expect([await ask(scenario), await ask(scenario)]).toEqual(['admitted', 'admitted']);
    expect(await ask(scenario)).toMatch(/^limit:each@requests_per_minute/);
    expect(await ask(scenario, second)).toBe('admitted');
    expect(await ask(scenario, second)).toMatch(/^limit:developer@requests_per_minute/);
    expect(await ask(scenario, busy)).toBe('admitted');
    expect(await ask(scenario, busy)).toMatch(/^limit:developer@requests_per_minute/);
  });

  test('are counted once of a turn that is decided anew, opened twice or refused', async () => {
    const routes = [{ id: 'cheap', when: {}, use: 'claude-haiku-5-5' }];
    const scenario = await openWallet({ ...limiting({ scope: 'key', requests_per_minute: 2 }), routes });
    const { id, wallet } = scenario;
    const first = await open(scenario);
    expect(first.reply).toMatchObject({ status: 'admitted', model: 'claude-haiku-5-5' });
    const cause = { kind: 'model_refused' as const, remember: false };
    const anew = await wallet.reopen({ turnId: first.turnId, attempt: 1, cause });
    expect(anew).toMatchObject({ status: 'admitted', model: 'claude-opus-5-5' });
    expect(await wallet.open(openRequest(id, first.turnId))).toEqual(anew);
    expect(await ask(scenario)).toBe('admitted');
    expect(await ask(scenario)).toMatch(/^limit/);
  });
});

describe('tokens a minute', () => {
  test('are what is expected of a turn while it runs, and what was billed once it has ended', async () => {
    const scenario = await openWallet(limiting({ scope: 'cost_center', tokens_per_minute: 30_000 }));
    // 100,000 bytes are 28,001 tokens of prompt, and 450 of output are usual.
    const large = await open(scenario, undefined, { bodyBytes: 100_000 });
    expect(large.reply.status).toBe('admitted');
    const used = async () => (await scenario.wallet.view(scenario.id)).limits;
    expect(await used()).toMatchObject([{ tokensLastMinute: 28_451, concurrentTurns: 1 }]);
    const another = { session: 'another', bodyBytes: 10_000 };
    expect(await ask(scenario, undefined, another)).toBe('limit:cost-center@tokens_per_minute 60');
    await settle(scenario, large, 1_000);
    expect(await used()).toMatchObject([{ tokensLastMinute: 1_000, concurrentTurns: 0 }]);
    expect(await ask(scenario, undefined, another)).toBe('admitted');
  });

  test('have in them what an attempt was billed that was given up for another', async () => {
    const scenario = await openWallet(limiting({ scope: 'cost_center', tokens_per_minute: 30_000 }));
    const { wallet, id } = scenario;
    const { turnId } = await open(scenario, undefined, { bodyBytes: 10_000 });
    const progress = { usage: usageOf({ inputTokens: 2_000 }), outputTokens: 0 };
    const outcome = { kind: 'broken_off' as const, why: 'first_byte_late' as const, progress };
    await wallet.reopen({ turnId, attempt: 1, cause: { kind: 'billed', outcome, answer: ANSWER } });
    const used = async () => (await wallet.view(id)).limits[0]?.tokensLastMinute;
    expect(await used()).toBe(2_000 + 3_251);
    await evictDurableObject(wallet);
    await wallet.settle({ ...completed(turnId, usageOf({ outputTokens: 500 })), attempt: 2 });
    expect(await used()).toBe(2_500);
  });

  test('let a turn go that is larger than all of them, when the minute before it was empty', async () => {
    const scenario = await openWallet(limiting({ scope: 'developer', tokens_per_minute: 1_000 }));
    const small = await open(scenario, undefined, { bodyBytes: 100 });
    await settle(scenario, small, 10);
    passTime(20_000);
    const huge = { session: 'huge', bodyBytes: 1_000_000 };
    expect(await ask(scenario, undefined, huge)).toBe('limit:developer@tokens_per_minute 40');
    passTime(40_000);
    expect(await ask(scenario, undefined, huge)).toBe('admitted');
  });
});

describe('turns at once', () => {
  test('are those whose hold is open: one that ends, or whose lease runs out, makes room', async () => {
    const scenario = await openWallet(limiting({ scope: 'developer', concurrent_turns: 2 }));
    const [first, second] = [await open(scenario), await open(scenario)];
    const refused = await open(scenario);
    expect(refusalOf(refused).message).toContain('2 turns at once of each developer');
    expect(refusalOf(refused).retryAfterSeconds).toBeGreaterThanOrEqual(2);
    expect(refusalOf(refused).retryAfterSeconds).toBeLessThanOrEqual(5);
    await settle(scenario, first, 10);
    expect(await ask(scenario)).toBe('admitted');
    passTime(3 * MINUTE_MS);
    await evictDurableObject(scenario.wallet);
    expect(await ask(scenario), 'they run on, long after the minute they were admitted in').toMatch(/^limit/);
    await runDurableObjectAlarm(scenario.wallet);
    expect(await ask(scenario)).toBe('admitted');
    await settle(scenario, second, 10);
  });
});

describe('a client that keeps trying', () => {
  test('leaves one refusal a minute, limit and subject; the others are answered and leave no trace', async () => {
    const scenario = await openWallet(
      limiting({ scope: 'key', requests_per_minute: 1 }, { scope: 'developer', requests_per_minute: 2 }),
    );
    const other = await keyOf(scenario, 'kother', DEVELOPER);
    await open(scenario);
    expect(await ask(scenario)).toMatch(/^limit:key/);
    const before = await kept(scenario);
    for (let tries = 0; tries < 20; tries += 1) {
      expect(await ask(scenario)).toMatch(/^limit:key/);
      if (tries === 10) await evictDurableObject(scenario.wallet);
    }
    expect(await kept(scenario)).toEqual(before);
    await open(scenario, other);
    expect(await ask(scenario, other)).toMatch(/^limit:key/);
    passTime(MINUTE_MS);
    await open(scenario);
    expect(await ask(scenario)).toMatch(/^limit:key/);
    await drain(scenario.wallet);
    const refusals = (await ledgerOf(scenario.id)).filter(({ kind }) => kind === 'refusal');
    expect(refusals.map(({ key_id: key }) => key)).toEqual([
      keyIdOf(scenario.id),
      other,
      keyIdOf(scenario.id),
    ]);
  });

  test('gets the same answer to the same turn, booked or not, and a conflict where it says something else', async () => {
    const scenario = await openWallet(limiting({ scope: 'key', requests_per_minute: 1 }));
    const { id, wallet } = scenario;
    await open(scenario);
    const refused = [await open(scenario), await open(scenario)];
    passTime(MINUTE_MS);
    for (const { turnId, reply } of refused) {
      expect(await wallet.open(openRequest(id, turnId)), 'a call that comes late holds nothing').toEqual(
        reply,
      );
      expect(await wallet.open(openRequest(id, turnId, { bodyBytes: 7 }))).toEqual({ status: 'conflict' });
    }
    expect(await wallet.holds()).toHaveLength(1);
    expect(await ask(scenario)).toBe('admitted');
  });
});

describe('the limits in force', () => {
  test('are those of the live policy, as soon as it is: lowered, raised and taken away', async () => {
    const scenario = await openWallet(limiting({ scope: 'key', requests_per_minute: 9 }));
    for (let sent = 0; sent < 5; sent += 1) {
      expect(await ask(scenario)).toBe('admitted');
      passTime(5_000);
    }
    await changePolicy(scenario, limiting({ scope: 'key', requests_per_minute: 2 }));
    // The oldest four of five have to leave: the fourth was admitted 10 seconds ago.
    expect(await ask(scenario)).toBe('limit:key@requests_per_minute 50');
    await changePolicy(scenario, limiting({ scope: 'key', requests_per_minute: 6 }));
    expect(await ask(scenario)).toBe('admitted');
    await changePolicy(scenario, { budgets: [] });
    expect([await ask(scenario), await ask(scenario)]).toEqual(['admitted', 'admitted']);
  });

  test('are lifted while the cost center is exempt, and come after what people stopped', async () => {
    const scenario = await openWallet(limiting({ scope: 'key', requests_per_minute: 1 }));
    const { id } = scenario;
    const set = (assignment: string) =>
      change(scenario, env.DB.prepare(`UPDATE cost_centers SET ${assignment} WHERE id = ?`).bind(id));
    await open(scenario);
    expect(await ask(scenario)).toMatch(/^limit/);
    await set("exempt_until = '2035-06-13T13:00:00.000Z'");
    expect(await ask(scenario)).toBe('admitted');
    await set("exempt_until = NULL, paused_at = '2035-06-13T12:00:00.000Z', paused_reason = 'audit'");
    expect(await ask(scenario)).toBe('paused null');
  });

  test('go by the wallet’s clock, which never goes back', async () => {
    const scenario = await openWallet(limiting({ scope: 'key', requests_per_minute: 2 }));
    await open(scenario);
    passTime(30_000);
    await open(scenario);
    passTime(-3_600_000);
    expect(await ask(scenario)).toBe('limit:key@requests_per_minute 30');
    await evictDurableObject(scenario.wallet);
    expect(await ask(scenario)).toBe('limit:key@requests_per_minute 30');
    passTime(3_600_000 + 29_999);
    expect(await ask(scenario)).toBe('limit:key@requests_per_minute 1');
    passTime(1);
    expect(await ask(scenario)).toBe('admitted');
  });
});

test('the wallet’s view has every subject that used anything, with what it may use', async () => {
  const limits = [
    { scope: 'cost_center', tokens_per_minute: 1_000_000 },
    {
      scope: 'developer',
      requests_per_minute: 60,
      overrides: { 'b@example.com': { requests_per_minute: 5 } },
    },
  ];
  const scenario = await openWallet(limiting(...limits));
  const other = await keyOf(scenario, 'kview', 'b@example.com');
  await settle(scenario, await open(scenario), 500);
  await open(scenario, other, { bodyBytes: 10_000, session: 'b' });
  const none = { requestsPerMinute: null, tokensPerMinute: null, concurrentTurnsLimit: null };
  expect((await scenario.wallet.view(scenario.id)).limits).toEqual([
    {
      ...none,
      scope: 'cost_center',
      subject: scenario.id,
      requestsLastMinute: 2,
      tokensLastMinute: 3_751,
      tokensPerMinute: 1_000_000,
      concurrentTurns: 1,
    },
    {
      ...none,
      scope: 'developer',
      subject: 'b@example.com',
      requestsLastMinute: 1,
      requestsPerMinute: 5,
      tokensLastMinute: 3_251,
      concurrentTurns: 1,
    },
    {
      ...none,
      scope: 'developer',
      subject: DEVELOPER,
      requestsLastMinute: 1,
      requestsPerMinute: 60,
      tokensLastMinute: 500,
      concurrentTurns: 0,
    },
  ]);
});

test('a developer who left is known by their pseudonym in what limits keep, and counted on', async () => {
  const scenario = await openWallet(limiting({ scope: 'developer', requests_per_minute: 1 }));
  await open(scenario);
  expect(await ask(scenario)).toMatch(/^limit/);
  await drain(scenario.wallet);
  await scenario.wallet.rename({ developer: DEVELOPER, pseudonym: 'left-1' });
  const rows = await runInDurableObject(scenario.wallet, (_, state) =>
    JSON.stringify(state.storage.sql.exec('SELECT * FROM turns').toArray()),
  );
  expect(rows).not.toContain(DEVELOPER);
  const { limits } = await scenario.wallet.view(scenario.id);
  expect(limits).toMatchObject([{ subject: 'left-1', requestsLastMinute: 1 }]);
  const before = await kept(scenario);
  expect(await ask(scenario)).toMatch(/^limit/);
  expect(await kept(scenario)).toEqual(before);
});

test('whatever comes, and however often the wallet is killed, it answers as one that looks at every turn', async () => {
  const [requests, tokens, atOnce] = [5, 20_000, 3];
  const figures = { requests_per_minute: requests, tokens_per_minute: tokens, concurrent_turns: atOnce };
  const scenario = await openWallet(limiting({ scope: 'cost_center', ...figures }));
  const random = new Random('limits besides money');
  const all: (Opened & { atMs: number; tokens: number; isOpen: boolean })[] = [];
  const fits = (atMs: number, own: number) => {
    const recent = all.filter((turn) => atMs - turn.atMs < MINUTE_MS);
    const used = recent.reduce((sum, turn) => sum + turn.tokens, 0);
    return recent.length < requests && (used === 0 || used + own <= tokens);
  };
  const refused = new Set<string>();
  for (let step = 0; step < 150; step += 1) {
    passTime(random.integer(0, 12_000));
    const running = all.filter(({ isOpen }) => isOpen);
    const [oldest] = running;
    if (random.chance(0.1)) await evictDurableObject(scenario.wallet);
    if (oldest && random.chance(0.45)) {
      oldest.tokens = random.integer(0, 9_000);
      oldest.isOpen = false;
      await settle(scenario, oldest, oldest.tokens);
      continue;
    }
    // Every session is new: 0.28 tokens a byte, and 450 of output.
    const bodyBytes = random.integer(1, 250) * 100;
    const own = Math.ceil(bodyBytes * 0.28) + 450;
    const nowMs = Date.now();
    const opened = await open(scenario, undefined, { session: `s${step}`, bodyBytes });
    const isFull = running.length >= atOnce;
    if (opened.reply.status === 'admitted') {
      expect(isFull || !fits(nowMs, own), `step ${step}`).toBe(false);
      all.push({ ...opened, atMs: nowMs, tokens: own, isOpen: true });
      continue;
    }
    const seconds = refusalOf(opened).retryAfterSeconds ?? 0;
    refused.add(said(opened.reply).split(' ')[0] ?? '');
    expect(isFull || !fits(nowMs, own), `step ${step}`).toBe(true);
    if (fits(nowMs, own)) continue;
    expect(fits(nowMs + seconds * 1_000, own), `step ${step}: it fits by then`).toBe(true);
    if (!isFull) expect(fits(nowMs + (seconds - 1) * 1_000, own), `step ${step}: and not before`).toBe(false);
  }
  expect(refused.size).toBe(3);
});

describe('a guard', () => {
  const loose = limiting({ scope: 'cost_center', requests_per_minute: 1_000 });
  const tight = limiting({ scope: 'cost_center', requests_per_minute: 2 });

  /** A session of its own every ten seconds: with the tight limit four of six are kept waiting. */
  async function work(scenario: Scenario, minutes: number): Promise<void> {
    for (let sent = 0; sent < minutes * 6; sent += 1) {
      await settle(scenario, await open(scenario, undefined, { session: `guarded-${turns}` }), 10);
      passTime(10_000);
    }
  }

  test('takes a version back whose limit keeps turns waiting that the version before let through', async () => {
    const scenario = await rollOut({ base: loose, candidate: tight, share: null });
    await work(scenario, 12);
    expect(await versionOf(scenario, 'any')).toBe(1);
  });

  test('holds nothing against a version whose limit is the one that was there before', async () => {
    const scenario = await rollOut({
      base: tight,
      candidate: { ...tight, admission: 'guaranteed' },
      share: null,
    });
    await work(scenario, 12);
    expect(await versionOf(scenario, 'any')).toBe(2);
    const { signals } = await scenario.wallet.guard({ id: scenario.rollout, version: 2, baseVersion: 1 });
    expect(signals.find(({ signal }) => signal === 'refusals')).toMatchObject({
      candidate: { turns: 24, bad: 0 },
    });
  });
});
