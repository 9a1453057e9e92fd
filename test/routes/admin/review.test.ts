/** A month of a cost center as its review tells it: rows as the wallets and the admin API leave them in D1. */
import { env } from 'cloudflare:workers';
import { ulid } from 'ulid';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AlertEvent, Entry } from '../../../durable-objects/ledger/entry.ts';
import { rollUpDays } from '../../../worker/finance/roll-up.ts';
import { setClock, useFakeClock } from '../../wallet/scenario.ts';
import { type Answer, call, makeCostCenter } from './admin-calls.ts';
import { addAlerts, addEntries, entryOf } from './ledger-rows.ts';

const NOW = '2026-12-05T12:00:00.000Z';
useFakeClock(NOW);

const REVIEW = '/cost_centers/squad/review';
const usd = (amount: number) => Math.round(amount * 1e9);

const POLICY = {
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100.00' },
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '500.00' },
    { id: 'opus-week', scope: 'cost_center', line: 'opus', window: 'week', limit_usd: '600.00' },
    { id: 'key-month', scope: 'key', window: 'month', limit_usd: '4000.00' },
    { id: 'session', scope: 'session', window: 'session', limit_usd: '50.00' },
  ],
};

let entries = 0;

function entry(at: string, change: Partial<Entry> = {}): Entry {
  entries += 1;
  const charged = change.charged_nano_usd ?? 0;
  return entryOf({
    entry_id: ulid(Date.parse(at)),
    turn_id: `turn-${entries}`,
    admitted_at: at,
    estimated: false,
    estimated_why: null,
    charged_nano_usd: charged,
    list_nano_usd: charged,
    asked_nano_usd: charged,
    ...change,
  });
}

function crossing(at: string, change: Partial<AlertEvent>): AlertEvent {
  return {
    event_id: ulid(Date.parse(at)),
    cost_center: 'squad',
    on: 'stage:pause',
    occurred_at: at,
    turn_id: null,
    session: null,
    developer: null,
    policy_version: 1,
    budget: 'team-day',
    subject: 'squad',
    stage: 'team-day@1.10',
    window_start: `${at.slice(0, 10)}T00:00:00.000Z`,
    resets_at: null,
    standing: {},
    context: null,
    ...change,
  };
}

function day(of: number): string {
  return `2026-11-${String(of).padStart(2, '0')}`;
}

/** Twenty days of $90, but for four of $140; all by one developer, of a session a day. */
async function spendNovember(): Promise<void> {
  const days = Array.from({ length: 20 }, (_, index) => index + 1);
  await addEntries([
    entry('2026-10-20T10:00:00.000Z', { charged_nano_usd: usd(1_000), session: 'october' }),
    ...days.map((of) =>
      entry(`${day(of)}T10:00:00.000Z`, {
        charged_nano_usd: usd(of % 5 === 0 ? 140 : 90),
        session: `session-${of}`,
      }),
    ),
  ]);
}

async function refuseTwoSessions(): Promise<void> {
  const refusal = (at: string, session: string, developer: string) =>
    entry(at, {
      kind: 'refusal',
      decision: 'refuse',
      model_served: null,
      session,
      developer,
      stage: 'team-day@1.10',
      reasons: ['stage:team-day@1.10', 'short:team-day'],
    });
  await addEntries([
    refusal('2026-11-05T11:00:00.000Z', 'session-5', 'dev@example.com'),
    refusal('2026-11-05T11:30:00.000Z', 'session-5', 'dev@example.com'),
    refusal('2026-11-05T11:10:00.000Z', 'other', 'ann@example.com'),
    entry('2026-11-05T12:35:00.000Z', { session: 'session-5', charged_nano_usd: usd(0.5) }),
  ]);
}

async function stepDownAndRoute(): Promise<void> {
  const sonnet = { model_served: 'claude-sonnet-5-5', session: 'stepped' };
  await addEntries([
    entry('2026-11-10T13:00:00.000Z', {
      ...sonnet,
      decision: 'downgrade',
      stage: 'team-day@0.95',
      charged_nano_usd: usd(2),
      asked_nano_usd: usd(5),
    }),
    entry('2026-11-10T13:05:00.000Z', {
      ...sonnet,
      decision: 'route',
      route: 'easy-turns',
      charged_nano_usd: usd(1),
      asked_nano_usd: usd(0.75),
    }),
    entry('2026-11-10T13:10:00.000Z', {
      session: 'lost',
      estimated: true,
      estimated_why: 'lease_expired',
      charged_nano_usd: usd(0.25),
    }),
  ]);
}

async function raise(at: string, budget: string, extra: string): Promise<void> {
  setClock(at);
  const until = new Date(Date.parse(at) + 3_600_000).toISOString();
  const answer = await call('POST', '/cost_centers/squad/raises', {
    budget,
    extra_usd: extra,
    until,
    reason: 'r',
  });
  expect(answer.status).toBe(201);
}

async function request(id: string, status: string, approved: number | null): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO increase_requests (id, cost_center, budget, window, subject, developer, key_id, extra_nano_usd,
       reason, status, expires_at, event_id, approved_nano_usd, created_at, updated_at)
     VALUES (?1, 'squad', 'dev-day', 'day', 'dev@example.com', ?1, 'k1', 20000000000, 'r', ?2,
       '2026-11-13T00:00:00.000Z', ?1, ?3, '2026-11-12T10:00:00.000Z', '2026-11-12T10:00:00.000Z')`,
  )
    .bind(id, status, approved)
    .run();
}

async function review(query = '?month=2026-11'): Promise<Record<string, unknown>> {
  const answer = await call('GET', `${REVIEW}${query}`);
  expect(answer.status).toBe(200);
  return Object(answer.body);
}

function problemsOf(answer: Answer): unknown[] {
  expect(answer).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } });
  return Object(answer.body).error.problems;
}

beforeAll(async () => {
  setClock('2026-11-01T08:00:00.000Z');
  await makeCostCenter('squad');
  await makeCostCenter('idle');
  await call('POST', '/cost_centers/squad/policies', { policy: POLICY });
  await call('POST', '/cost_centers/squad/policies/1/activate');
  await spendNovember();
  await refuseTwoSessions();
  await stepDownAndRoute();
  await addAlerts([
    crossing('2026-11-05T10:30:00.000Z', {}),
    crossing('2026-11-10T10:30:00.000Z', {}),
    crossing('2026-11-10T10:20:00.000Z', { on: 'stage:alert', stage: 'team-day@0.80' }),
    ...[1, 2, 3].map((of) =>
      crossing(`${day(of)}T11:00:00.000Z`, {
        on: 'stage:downgrade',
        budget: 'opus-week',
        stage: 'opus-week@0.95',
        window_start: `${day(of)}T00:00:00.000Z`,
      }),
    ),
    crossing('2026-12-01T10:20:00.000Z', { on: 'stage:alert', stage: 'team-day@0.80' }),
    crossing('2026-11-11T10:20:00.000Z', { on: 'projection', stage: null }),
  ]);
  for (const of of [5, 10, 15]) await raise(`${day(of)}T09:00:00.000Z`, 'team-day', '50.00');
  await raise('2026-11-05T09:00:00.000Z', 'session', '10.00');
  await request('req-1', 'approved', usd(15));
  await request('req-2', 'pending', null);
  setClock(NOW);
});

describe('the review of a month', () => {
  test('tells spend against the month before', async () => {
    expect(await review()).toMatchObject({
      cost_center: 'squad',
      month: '2026-11',
      from: '2026-11-01T00:00:00.000Z',
      to: '2026-12-01T00:00:00.000Z',
      finished: true,
      as_of: NOW,
      live_policy_version: 1,
      missing: [],
      spend: {
        charged_usd: '2003.75',
        charges: 24,
        developers: 2,
        previous: { month: '2026-10', to: '2026-11-01T00:00:00.000Z', charged_usd: '1000.00' },
        change: 1.00375,
      },
    });
  });

  test('tells breaches by stage, of the month alone', async () => {
    expect((await review()).breaches).toEqual([
      expect.objectContaining({ stage: 'opus-week@0.95', do: 'downgrade', breaches: 3, windows: 3 }),
      {
        budget: 'team-day',
        stage: 'team-day@1.10',
        do: 'pause',
        breaches: 2,
        windows: 2,
        subjects: 1,
        most_often: [{ subject: 'squad', breaches: 2 }],
      },
      expect.objectContaining({ stage: 'team-day@0.80', do: 'alert', breaches: 1 }),
    ]);
  });

  test('suggests a limit where a budget was raised again and again', async () => {
    expect((await review()).raises).toEqual({
      raises: 4,
      extra_usd: '160.00',
      repeated: [
        {
          budget: 'team-day',
          subject: null,
          raises: 3,
          extra_usd: '150.00',
          limit_usd: '100.00',
          windows: 20,
          windows_over_limit: 4,
          p90_usd: '140.00',
          suggested_limit_usd: '140.00',
        },
      ],
    });
  });

  test('tells how increase requests ended, those that ran out unanswered too', async () => {
    expect((await review()).increase_requests).toMatchObject({
      requests: 2,
      approved: 1,
      denied: 0,
      expired: 1,
      pending: 0,
      asked_usd: '40.00',
      approved_usd: '15.00',
    });
  });

  test('tells what step downs and routes saved, or cost', async () => {
    const rest = { charges: 1, not_compared: 0 };
    expect(await review()).toMatchObject({
      step_downs: {
        saved_usd: '3.00',
        by_stage: [
          { stage: 'team-day@0.95', ...rest, asked_usd: '5.00', charged_usd: '2.00', saved_usd: '3.00' },
        ],
      },
      routes: { saved_usd: '-0.25', by_route: [{ route: 'easy-turns', ...rest, saved_usd: '-0.25' }] },
    });
  });

  test('tells who was refused, by what, and for how long', async () => {
    expect((await review()).refusals).toEqual({
      refusals: 3,
      sessions: 2,
      developers: 2,
      reasons: [{ reason: 'team-day@1.10', refusals: 3, sessions: 2 }],
      longest: [
        {
          session: 'session-5',
          developer: 'dev@example.com',
          refusals: 2,
          first_at: '2026-11-05T11:00:00.000Z',
          last_at: '2026-11-05T11:30:00.000Z',
          went_on_at: '2026-11-05T12:35:00.000Z',
        },
        expect.objectContaining({ session: 'other', developer: 'ann@example.com', went_on_at: null }),
      ],
    });
  });

  test('tells holds that expired and changes of policy', async () => {
    expect(await review()).toMatchObject({
      expired_holds: { charges: 1, corrected: 0, estimated_usd: '0.25', corrections_usd: '0.00' },
      policy_changes: {
        changes: 2,
        activations: 1,
        newest: [
          { action: 'policy.activate', version: '1' },
          { action: 'policy.create', version: '1' },
        ],
      },
    });
  });

  test('tells how the windows of each budget were used, by scope, line and window', async () => {
    const { budgets, unused_budgets } = await review();
    expect(budgets).toMatchObject([
      { budget: 'team-day', windows: 20, median_usd: '90.00', p90_usd: '140.00', highest_usd: '143.25' },
      { budget: 'dev-day', windows: 20, highest_usd: '143.25', highest_subject: 'dev@example.com' },
      // From Mondays 2, 9 and 16 November; what Sonnet served on the 10th is no part of it.
      { budget: 'opus-week', windows: 3, line: 'opus', highest_subject: 'squad' },
      { budget: 'key-month', windows: 1, highest_usd: '2003.75' },
      { budget: 'session', highest_usd: '140.50', highest_subject: 'session-5', highest_utilization: 2.81 },
    ]);
    expect(unused_budgets).toEqual(['dev-day']);
  });

  test('says what to look at, gravest first', async () => {
    const sentences = (await review()).look_at;
    expect(sentences).toEqual([
      'refused: 3 turns of 2 sessions (2 developers), most of them by team-day@1.10; the longest stood still for ' +
        '95 minutes until it went on (session-5 of dev@example.com)',
      '1 increase request ran out without an answer (dev-day): who should have heard of them?',
      'team-day was raised 3 times by $150.00 in all: its limit of $100.00 is too low, 4 of 20 windows came over ' +
        'it; $140.00 would have held nine of ten',
      expect.stringContaining('nobody is reached by stage:alert'),
      'spend rose by 100 % to $2,003.75, from $1,000.00 in 2026-10',
      'route easy-turns cost $0.25 more than the models asked for would have, over 1 turn',
      'team-day@1.10 paused in 2 of 20 windows',
      "opus-week@0.95 stepped down in 3 of 3 windows: what is usual is no exception, so the limit or the models asked for don't fit",
      'never reported to the end: 1 turn, charged an estimate, $0.25 in all; 0 of them corrected since',
      'dev-day (highest 29 %) never came over 30 % of the limit: lower it, or leave the budget out',
    ]);
  });

  test('says the same once its days are rolled up', async () => {
    const before = await review();
    await rollUpDays(env.DB, Date.parse(NOW));
    expect(await review()).toEqual(before);
  });
});

describe('which month', () => {
  test('is the last finished one where none is named', async () => {
    expect(await review('')).toMatchObject({ month: '2026-11', finished: true });
  });

  test('may be the running one, which says so and is held against the same days of the month before', async () => {
    await addEntries([entry('2026-12-02T10:00:00.000Z', { charged_nano_usd: usd(50), session: 'december' })]);
    expect(await review('?month=2026-12')).toMatchObject({
      month: '2026-12',
      finished: false,
      missing: ['2026-12 is not over yet (UTC): these are its figures so far'],
      spend: {
        charged_usd: '50.00',
        previous: { month: '2026-11', to: '2026-11-06T00:00:00.000Z', charged_usd: '500.50' },
      },
      unused_budgets: [],
    });
  });

  test.each<[string, string]>([
    ['2026-13', 'expected a month such as "2026-10"'],
    ['november', 'expected a month such as "2026-10"'],
    ['', 'expected a month such as "2026-10"'],
    ['2026-11-01', 'expected a month such as "2026-10"'],
    ['2027-01', 'expected a month that has begun (UTC)'],
    ['2023-12', 'expected a month from 2024-01 on'],
  ])('%j is a 400 that says what was expected', async (month, message) => {
    expect(problemsOf(await call('GET', `${REVIEW}?month=${month}`))).toEqual([{ path: 'month', message }]);
  });

  test('beside an unknown parameter is a 400, and of an unknown cost center a 404', async () => {
    expect(problemsOf(await call('GET', `${REVIEW}?months=2026-11`))).toMatchObject([{ path: 'months' }]);
    expect(await call('GET', '/cost_centers/nobody/review')).toMatchObject({
      status: 404,
      body: { error: { message: 'there is no cost center nobody' } },
    });
  });
});

test('a cost center without a policy and without spend has a review that says so', async () => {
  const answer = await call('GET', '/cost_centers/idle/review?month=2026-11');
  expect(answer).toMatchObject({
    status: 200,
    body: {
      live_policy_version: null,
      spend: { charged_usd: '0.00', change: null },
      budgets: [],
      unused_budgets: [],
      look_at: [
        'there is no live policy, so that nothing limits what is spent: begin with a template',
        'nothing was spent',
      ],
    },
  });
});

test('archived days are told as missing', async () => {
  await env.DB.prepare(
    `INSERT INTO archive_segments (day, cost_center, part, state, object_key, entries, charged_nano_usd, list_nano_usd,
       first_admitted_at, last_admitted_at, first_entry_id, last_entry_id, sha256, bytes, compressed_bytes, written_at)
     VALUES ('2026-09-03', 'squad', 1, 'archived', 'k', 7, 1, 1, '2026-09-03T01:00:00.000Z',
       '2026-09-03T02:00:00.000Z', '1', '2', 'x', 1, 1, '2026-10-01T00:00:00.000Z')`,
  ).run();
  expect((await review('?month=2026-09')).missing).toEqual([
    '7 entries of 2026-09-03 to 2026-09-03 are archived: refusals, holds that expired and what sessions spent ' +
      'lack them; restore the days to have them',
  ]);
});
