import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { keepDryRuns } from '../../../worker/policy/dry-run-upkeep.ts';
import { openDatabase } from '../../../worker/store/database.ts';
import { latestDryRunOf } from '../../../worker/store/dry-runs.ts';
import { ask, DAY, eventsOf, finish, objectOf, recordedTeam, wholeTurn } from '../../dry-runs/scenario.ts';
import { dayBudget, drain, passTime, type Scenario, setClock, useFakeClock } from '../../wallet/scenario.ts';
import { call, field, makeCostCenter, rows } from './admin-calls.ts';

const NOON = '2035-06-14T12:00:00.000Z';
/** Without a step down before it. */
function pauseAt(limit: string): object {
  return dayBudget(limit, { stages: [{ at: '1.00', do: 'pause' }] });
}

const TIGHT = pauseAt('3');

useFakeClock(NOON);

let team: Scenario;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  team = await recordedTeam(12);
  setClock(NOON);
  await makeCostCenter('quiet');
  vi.useRealTimers();
});

function pathOf(costCenter: string, rest = ''): string {
  return `/cost_centers/${costCenter}/dry_runs${rest}`;
}

describe('a dry run', () => {
  test('is asked for by a document, and tells what the draft would have done', async () => {
    const asked = await call('POST', pathOf(team.id), { policy: TIGHT, ...DAY });
    expect(asked).toMatchObject({
      status: 201,
      body: {
        status: 'queued',
        cost_center: team.id,
        from: '2035-06-13T00:00:00.000Z',
        to: '2035-06-14T00:00:00.000Z',
        seed_standing: true,
        live_policy_version: 1,
        drafts: [{ name: 'draft', version: null, warnings: [{ path: 'budgets[0].stages[0]' }] }],
        progress: { rows_done: 0, rows_total: 0, eta_s: null },
        result: null,
        results: null,
        notes: [],
        error: null,
      },
    });
    const done = await finish(team.id, field(asked, 'id'));
    expect(done).toMatchObject({
      status: 'succeeded',
      progress: { rows_done: 12, rows_total: 12, eta_s: 0 },
      result: {
        name: 'draft',
        turns: 12,
        cost_actual_usd: '6.00',
        paused_sessions: [
          { budget: 'team-day', session: expect.any(String), developer: 'dev@example.com' },
          {},
          {},
          {},
        ],
        by_day: [{ day: '2035-06-13', turns: 12 }],
        sensitivity: [{ limits: '0.9' }, { limits: '1.0' }, { limits: '1.1' }],
        calibration: { turns: 12, decisions_equal: 12, cost_error_usd: '0.00' },
      },
    });
    expect(done.results).toEqual([done.result]);
    expect(Object(done.result).assumptions.length).toBeGreaterThan(0);
    expect(rows(await call('GET', `/audit?cost_center=${team.id}`))[0]).toMatchObject({
      action: 'dry_run.create',
      target: field(asked, 'id'),
    });
  });

  test('of the live version changes nothing, and is named after it', async () => {
    const { result } = await finish(team.id, await ask(team.id, { version: 1, ...DAY }));
    expect(result).toMatchObject({
      name: 'version 1',
      saved_usd: '0.00',
      refused_turns: 0,
      paused_sessions: [],
    });
  });

  test('puts up to three drafts side by side, the first of them in front', async () => {
    const drafts = [{ version: 1 }, { policy: TIGHT, name: 'tight' }, { policy: pauseAt('4') }];
    const { result, results } = await finish(team.id, await ask(team.id, { drafts, ...DAY }));
    expect(results).toMatchObject([{ name: 'version 1' }, { name: 'tight' }, { name: 'draft 3' }]);
    expect(result).toEqual(results?.[0]);
    const refused = results?.map((each) => Number(each.refused_turns) + Number(each.turns_lost));
    expect(refused?.[0]).toBe(0);
    expect(refused?.[1]).toBeGreaterThan(refused?.[2] ?? 0);
  });

  test('shows the warnings of a draft and tries it all the same', async () => {
    const asked = await call('POST', pathOf(team.id), { policy: dayBudget('0'), ...DAY });
    expect(asked).toMatchObject({
      status: 201,
      body: { drafts: [{ warnings: [{ path: 'budgets[0].limit_usd' }] }] },
    });
    expect((await finish(team.id, field(asked, 'id'))).result).toMatchObject({ cost_replayed_usd: '0.00' });
  });

  test('of a year without a turn succeeds and says so', async () => {
    const { status, result, notes } = await finish('quiet', await ask('quiet', { policy: TIGHT, days: 365 }));
    expect(status).toBe('succeeded');
    expect(result).toMatchObject({ turns: 0, cost_actual_usd: '0.00', saved_usd: '0.00', by_day: [] });
    expect(notes).toEqual([
      'no turn was recorded from 2034-06-14T12:00:00.000Z to 2035-06-14T12:00:00.000Z: there was nothing to replay',
    ]);
  });

  test('takes the last 30 days up to now where it is told nothing', async () => {
    const asked = await call('POST', pathOf('quiet'), { policy: dayBudget('1') });
    expect(asked.body).toMatchObject({ from: '2035-05-15T12:00:00.000Z', to: NOON });
  });

  test('lists with the others of its cost center, newest first, without results', async () => {
    const first = await call('GET', pathOf(team.id, '?limit=2'));
    const listed = rows(first);
    expect(listed).toHaveLength(2);
    expect(listed[0]).not.toHaveProperty('result');
    const rest = await call('GET', pathOf(team.id, `?cursor=${field(first, 'next_cursor')}`));
    const ids = [...listed, ...rows(rest)].map((row) => Object(row).id);
    expect(ids).toEqual(ids.toSorted().reverse());
    expect((await call('GET', pathOf('quiet', `?cursor=${field(first, 'next_cursor')}`))).status).toBe(400);
  });

  test('that nobody asked for is a 404', async () => {
    for (const [method, rest] of [
      ['GET', ''],
      ['POST', '/cancel'],
      ['GET', '/events'],
    ] as const) {
      expect((await call(method, pathOf('quiet', `/dry_none${rest}`))).status).toBe(404);
    }
    expect((await call('POST', pathOf('nobody'), { policy: TIGHT })).status).toBe(404);
  });

  test('that is over cannot be cancelled', async () => {
    const id = await ask(team.id, { policy: dayBudget('5'), ...DAY });
    await finish(team.id, id);
    expect(await call('POST', pathOf(team.id, `/${id}/cancel`))).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('it succeeded at') } },
    });
  });
});

describe('the same thing asked again', () => {
  const again = { policy: dayBudget('7'), ...DAY };

  test('returns the first one, whatever the order of its fields', async () => {
    const id = await ask(team.id, again);
    const [budget] = Object(again.policy).budgets;
    const turned = { ...DAY, policy: { budgets: [Object.fromEntries(Object.entries(budget).reverse())] } };
    expect(await call('POST', pathOf(team.id), turned)).toMatchObject({ status: 200, body: { id } });
    await finish(team.id, id);
    expect(await call('POST', pathOf(team.id), again)).toMatchObject({
      status: 200,
      body: { id, status: 'succeeded', result: { turns: 12 } },
    });
  });

  test.each([
    ['another span', { ...again, to: '2035-06-13T12:00:00Z' }],
    ['another draft', { ...again, policy: dayBudget('7.5') }],
    ['budgets that begin with nothing', { ...again, seed_standing: false }],
  ])('is not the same with %s', async (_what, asked) => {
    expect((await call('POST', pathOf(team.id), asked)).status).toBe(201);
  });

  test('at the same time is one', async () => {
    const asked = { policy: dayBudget('8'), ...DAY };
    const answers = await Promise.all([1, 2, 3].map(() => call('POST', pathOf(team.id), asked)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 201]);
    expect(new Set(answers.map((each) => field(each, 'id'))).size).toBe(1);
  });

  test('up to now is the same within a minute, and for longer while no turn is recorded', async () => {
    const asked = { policy: dayBudget('9'), days: 2 };
    const id = await ask(team.id, asked);
    passTime(59_000);
    expect((await call('POST', pathOf(team.id), asked)).body).toMatchObject({ id });
    passTime(600_000);
    expect((await call('POST', pathOf(team.id), asked)).body).toMatchObject({ id });
    await wholeTurn(team, 'one-more', 'session-0');
    await drain(team.wallet);
    expect((await call('POST', pathOf(team.id), asked)).status).toBe(201);
  });

  test('where it failed is tried anew', async () => {
    const id = await ask('quiet', again);
    const fail = "UPDATE dry_runs SET status = 'failed', finished_at = created_at WHERE id = ?";
    await env.DB.prepare(fail).bind(id).run();
    expect(await ask('quiet', again)).not.toBe(id);
  });
});

describe('a dry run that cannot be', () => {
  test.each<[string, object, string, string]>([
    ['of no days', { policy: TIGHT, days: 0 }, 'days', 'expected a whole number of days from 1 to 366'],
    ['of too many days', { policy: TIGHT, days: 367 }, 'days', 'from 1 to 366'],
    ['of half a day', { policy: TIGHT, days: 0.5 }, 'days', 'whole number'],
    ['of both', { policy: TIGHT, version: 1 }, 'policy', 'not both'],
    ['of nothing', {}, 'version', 'expected "version" or "policy"'],
    ['of an unknown version', { version: 9 }, 'version', 'there is no version 9'],
    [
      'of an unknown version among drafts',
      { drafts: [{ version: 1 }, { version: 9 }] },
      'drafts[1].version',
      'no version 9',
    ],
    [
      'of four drafts',
      { drafts: [1, 2, 3, 4].map((each) => ({ policy: dayBudget(`${each}`) })) },
      'drafts',
      'at most 3',
    ],
    ['of no draft', { drafts: [] }, 'drafts', 'one draft at least'],
    [
      'of a draft of nothing',
      { drafts: [{ name: 'a' }] },
      'drafts[0].version',
      'expected "version" or "policy"',
    ],
    ['of drafts and a version', { drafts: [{ version: 1 }], version: 1 }, 'drafts', 'not both'],
    [
      'of names twice',
      {
        drafts: [
          { version: 1, name: 'a' },
          { policy: TIGHT, name: 'a' },
        ],
      },
      'drafts[1].name',
      'same name',
    ],
    ['of a wrong policy', { policy: dayBudget('-1') }, 'budgets[0].limit_usd', 'cannot be negative'],
    [
      'of a wrong draft',
      { drafts: [{ version: 1 }, { policy: dayBudget('-1') }] },
      'drafts[1].policy.budgets[0].limit_usd',
      'negative',
    ],
    [
      'that ends before it begins',
      { policy: TIGHT, from: '2035-06-13', to: '2035-06-12' },
      'from',
      'before the end',
    ],
    ['of an empty span', { policy: TIGHT, from: '2035-06-13', to: '2035-06-13' }, 'from', 'before the end'],
    ['of the future', { policy: TIGHT, from: '2035-06-13', to: '2035-06-15' }, 'to', 'past'],
    [
      'of a span too long',
      { policy: TIGHT, from: '2034-01-01', to: '2035-06-13' },
      'from',
      'at most 366 days',
    ],
    ['of days and a span', { policy: TIGHT, days: 1, from: '2035-06-13' }, 'days', 'not both'],
    ['without a beginning', { policy: TIGHT, to: '2035-06-13' }, 'from', 'the beginning of the span'],
    ['of a day that is none', { policy: TIGHT, from: '2035-13-01' }, 'from', 'expected a date'],
    ['of an unknown field', { policy: TIGHT, day: 1 }, 'day', 'unknown field'],
  ])('%s is a 400 that names the field', async (_what, asked, path, message) => {
    expect(await call('POST', pathOf(team.id), asked)).toMatchObject({
      status: 400,
      body: {
        error: {
          type: 'invalid_request_error',
          problems: [{ path, message: expect.stringContaining(message) }],
        },
      },
    });
  });
});

describe('archived days', () => {
  const ARCHIVED = `INSERT INTO archive_segments
    (day, cost_center, part, state, object_key, entries, charged_nano_usd, list_nano_usd, first_admitted_at,
     last_admitted_at, first_entry_id, last_entry_id, sha256, bytes, compressed_bytes, written_at)
    VALUES ('2035-06-12', ?1, 1, 'archived', ?1, 1, 0, 0, '2035-06-12T08:00:00.000Z', '2035-06-12T08:00:00.000Z', '1', '1',
      '', 1, 1, '2035-06-13T00:00:00.000Z')`;

  test('in the span, or before it where windows reach into it, are named', async () => {
    const { id } = await recordedTeam(1);
    await env.DB.prepare(ARCHIVED).bind(id).run();
    for (const from of ['2035-06-12', '2035-06-13T00:00:00Z']) {
      expect(await call('POST', pathOf(id), { policy: TIGHT, from })).toMatchObject({
        status: 409,
        body: {
          error: {
            message: expect.stringMatching(
              /2035-06-12; bring each back with POST \/admin\/v1\/archive\/restore/,
            ),
          },
        },
      });
    }
    expect((await call('POST', pathOf(id), { policy: TIGHT, from: '2035-06-14' })).status).toBe(201);
  });

  test('that leave while it runs fail it, and are named', async () => {
    const { id } = await recordedTeam(1);
    const dryRun = await ask(id, { policy: TIGHT, from: '2035-06-12' });
    await env.DB.prepare(ARCHIVED).bind(id).run();
    expect(await finish(id, dryRun)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('not in D1: 2035-06-12'),
    });
  });
});

describe('the events of a dry run', () => {
  let id = '';
  beforeAll(async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    setClock(NOON);
    id = await ask(team.id, {
      drafts: [
        { version: 1, name: 'as it is' },
        { policy: dayBudget('2'), name: '2' },
      ],
      ...DAY,
    });
    await finish(team.id, id);
    vi.useRealTimers();
  });

  test('are those of its drafts, in the order they would have happened', async () => {
    const events = await eventsOf(team.id, id);
    expect(events.length).toBeGreaterThan(3);
    expect(events).toEqual(await eventsOf(team.id, id, '&draft=2'));
    const at = events.map((event) => Object(event).at);
    expect(at).toEqual(at.toSorted());
    expect(events).toContainEqual(
      expect.objectContaining({
        draft: '2',
        kind: 'refusal',
        developer: 'dev@example.com',
        model: null,
        budget: 'team-day',
      }),
    );
  });

  test('can be looked through by kind, session and draft', async () => {
    const refusals = await eventsOf(team.id, id, '&kind=refusal');
    expect(new Set(refusals.map((event) => Object(event).kind))).toEqual(new Set(['refusal']));
    const ofSession = await eventsOf(team.id, id, '&session=session-1');
    expect(new Set(ofSession.map((event) => Object(event).session))).toEqual(new Set(['session-1']));
    expect(await eventsOf(team.id, id, '&draft=as%20it%20is')).toEqual([]);
    expect(await eventsOf(team.id, id, '&draft=1')).toEqual(await eventsOf(team.id, id));
  });

  test.each([
    ['draft=3', 'draft'],
    ['kind=pause', 'kind'],
    ['limit=0', 'limit'],
    ['cursor=x', 'cursor'],
  ])('asked for with %s are a 400 that names the field', async (query, path) => {
    expect(await call('GET', pathOf(team.id, `/${id}/events?${query}`))).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path }] } },
    });
  });

  test('are a 503 where the object does not answer', async () => {
    const away = { idFromName: () => 'x', get: () => ({ events: () => Promise.reject(new Error('away')) }) };
    const bindings = { DRY_RUNS: away as unknown as typeof env.DRY_RUNS };
    expect((await call('GET', pathOf(team.id, `/${id}/events`), undefined, bindings)).status).toBe(503);
  });
});

describe('upkeep', () => {
  const bindings = { db: env.DB, dryRuns: env.DRY_RUNS };

  test('starts what could not be started when it was asked for', async () => {
    const away = { idFromName: () => 'x', get: () => ({ start: () => Promise.reject(new Error('away')) }) };
    const asked = { policy: dayBudget('11'), ...DAY };
    const made = await call('POST', pathOf(team.id), asked, {
      DRY_RUNS: away as unknown as typeof env.DRY_RUNS,
    });
    expect(made).toMatchObject({ status: 201, body: { status: 'queued' } });
    passTime(61_000);
    await keepDryRuns(bindings, Date.now());
    expect((await finish(team.id, field(made, 'id'))).status).toBe('succeeded');
  });

  test('empties the object 90 days after it was over; the result stays', async () => {
    const asked = { policy: dayBudget('1.5'), ...DAY };
    const id = await ask(team.id, asked);
    await finish(team.id, id);
    passTime(89 * 86_400_000);
    await keepDryRuns(bindings, Date.now());
    expect((await eventsOf(team.id, id)).length).toBeGreaterThan(0);
    passTime(2 * 86_400_000);
    await keepDryRuns(bindings, Date.now());
    await keepDryRuns(bindings, Date.now());
    expect(await call('GET', pathOf(team.id, `/${id}/events`))).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('its result stays') } },
    });
    expect((await call('GET', pathOf(team.id, `/${id}`))).body).toMatchObject({ result: { turns: 12 } });
    expect(await ask(team.id, asked)).not.toBe(id);
  });
});

describe('a policy version', () => {
  const UNTRIED = { path: '', message: 'never tried on recorded turns: POST …/dry_runs' };

  test('remembers the latest dry run of its document, and warns until there is one', async () => {
    const policies = `/cost_centers/${team.id}/policies`;
    const document = dayBudget('12');
    expect(await call('POST', policies, { policy: document })).toMatchObject({
      body: { version: 2, warnings: [{ path: 'budgets[0].limit_usd' }, UNTRIED] },
    });
    const database = openDatabase(env.DB);
    const version = { costCenter: team.id, document };
    expect(await latestDryRunOf(database, version)).toBeNull();
    const first = await ask(team.id, { policy: document, ...DAY });
    expect(await latestDryRunOf(database, version)).toBeNull();
    await finish(team.id, first);
    const second = await ask(team.id, { drafts: [{ version: 1 }, { version: 2 }], ...DAY });
    await finish(team.id, second);
    await ask('quiet', { policy: document });
    expect((await latestDryRunOf(database, version))?.id).toBe(second);
    expect(Object((await call('GET', `${policies}/2`)).body).warnings).not.toContainEqual(UNTRIED);
    expect(rows(await call('GET', policies))).toMatchObject([{ warnings: [] }, { warnings: [] }]);
  });

  test('is approved on the latest dry run of its document, or the one that is named', async () => {
    const settings = { POLICY_APPROVAL: 'on', POLICY_FOUR_EYES: 'off' };
    const policies = `/cost_centers/${team.id}/policies`;
    const document = dayBudget('14');
    const { body } = await call('POST', policies, { policy: document }, settings);
    const { version } = Object(body);
    const of = (path: string, body?: unknown) =>
      call('POST', `${policies}/${version}${path}`, body, settings);
    const first = await ask(team.id, { policy: document, ...DAY });
    await finish(team.id, first);
    const latest = await ask(team.id, { drafts: [{ version }, { policy: TIGHT, name: 'tight' }], ...DAY });
    await finish(team.id, latest);
    const another = await ask(team.id, { policy: dayBudget('15'), ...DAY });
    await finish(team.id, another);
    await of('/submit');
    expect(await of('/approve', { dry_run: another })).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: 'dry_run', message: expect.stringContaining('this version') }] } },
    });
    expect((await of('/approve')).body).toMatchObject({ state: 'approved', dry_run: latest });
    await of('/reject', { reason: 'on the wrong one' });
    await of('/submit');
    expect((await of('/approve', { dry_run: first })).body).toMatchObject({ dry_run: first });
    expect((await call('GET', `${policies}/${version}/signed`)).body).toMatchObject({
      payload: { approval: { dry_run: first, four_eyes: 'waived' } },
    });
  });
});

test('the outcome of a dry run and what was asked for cannot be changed', async () => {
  const id = await ask('quiet', { policy: dayBudget('13') });
  await finish('quiet', id);
  for (const change of [
    "UPDATE dry_runs SET status = 'failed'",
    "UPDATE dry_runs SET digest = ''",
    "UPDATE dry_run_drafts SET result = '{}'",
    "UPDATE dry_run_drafts SET document = '{}'",
  ]) {
    const where = change.includes('drafts') ? 'dry_run' : 'id';
    await expect(env.DB.prepare(`${change} WHERE ${where} = ?`).bind(id).run()).rejects.toThrow(
      'never changed',
    );
  }
  expect((await objectOf(id).progress()) ?? 'over').toBe('over');
});
