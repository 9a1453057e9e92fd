import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { builtinCatalogue } from '../durable-objects/core/catalogue/models.ts';
import type { Env } from '../worker/bindings.ts';
import worker from '../worker/index.ts';
import { completed, openRequest, usageOf, walletStub } from './fixture.ts';
import { administer } from './turn/admin.ts';
import { type Gateway, gateway, messagesBody, type Sent, streamedAnswer, streamOf } from './turn/gateway.ts';
import { alertsOf, drain, passTime, useFakeClock } from './wallet/scenario.ts';

useFakeClock();

const DAY_MS = 86_400_000;
const SONNET = 'claude-sonnet-5-5';
const TEAM = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '10' }] };

beforeEach(async () => {
  await env.DB.prepare('DELETE FROM model_lifecycles').run();
});

/** A model as the API lists it; active unless `changes` say otherwise. */
function info(id: string, changes: object = {}): object {
  return {
    type: 'model',
    id,
    display_name: id,
    created_at: '2026-09-28T00:00:00Z',
    line: 'sonnet',
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: null,
    max_input_tokens: 1_000_000,
    max_tokens: 128_000,
    capabilities: null,
    ...changes,
  };
}

function deprecated(id: string, retiresAt: string | null): object {
  return info(id, { lifecycle: 'deprecated', deprecated_at: '2035-06-01T00:00:00Z', retires_at: retiresAt });
}

function retired(id: string): object {
  return info(id, { lifecycle: 'retired', retires_at: '2035-06-01T00:00:00Z' });
}

function pageOf(...data: object[]): Response {
  return Response.json({ data, has_more: false, first_id: null, last_id: null });
}

/** A gateway whose upstream answers turns, and lists whatever `models` gives at the time. */
async function gatewayListing(models: (sent: Sent) => Response, policy: object = TEAM): Promise<Gateway> {
  return await gateway(policy, (sent) =>
    new URL(sent.url).pathname === '/v1/models' ? models(sent) : streamOf(streamedAnswer()),
  );
}

async function runSchedule(bindings: Partial<Env> = { PROVIDER: 'anthropic' }): Promise<void> {
  await worker.scheduled(createScheduledController(), { ...(env as unknown as Env), ...bindings });
}

function listened(level: 'warn' | 'error'): unknown[][] {
  const spy = vi.spyOn(console, level).mockImplementation(() => undefined);
  onTestFinished(() => spy.mockRestore());
  return spy.mock.calls;
}

/** All that a run may write. */
async function written(): Promise<unknown> {
  const tables = [
    'SELECT * FROM model_lifecycles',
    'SELECT id, revision FROM cost_centers',
    "SELECT * FROM audit_events WHERE action = 'models.turn'",
  ];
  return (await env.DB.batch(tables.map((query) => env.DB.prepare(query)))).map(({ results }) => results);
}

async function warningsOf(bursar: Gateway, path = '/policies/1'): Promise<unknown> {
  const version: { warnings: unknown } = await (await administer(bursar, 'GET', path)).json();
  return version.warnings;
}

async function retiringAlerts({ costCenter }: Gateway): Promise<object[]> {
  await drain(walletStub(costCenter));
  const alerts = (await alertsOf(costCenter)).filter((alert) => alert.on === 'model_retiring');
  return alerts.map(({ subject, policy_version, standing }) => ({
    subject,
    policy_version,
    ...JSON.parse(standing),
  }));
}

async function revisionOf(costCenter: string): Promise<number | null> {
  const query = env.DB.prepare('SELECT revision FROM cost_centers WHERE id = ?');
  return await query.bind(costCenter).first('revision');
}

/** The wallet has a copy from before what comes next. */
async function wake({ costCenter }: Gateway): Promise<void> {
  await walletStub(costCenter).view(costCenter);
}

describe('a run', () => {
  test('reads the list page by page, in every stage of life, with the gateway’s own key and version', async () => {
    const bursar = await gatewayListing(({ url }) => {
      const isSecond = new URL(url).searchParams.get('after_id') === 'model-a';
      if (isSecond) return pageOf(info('model-b', { line: 'a new line', capabilities: 'odd' }));
      const page = { data: [info('model-a'), { id: 'no-lifecycle' }, 7], has_more: true, last_id: 'model-a' };
      return Response.json(page);
    });
    await runSchedule();
    const query = 'limit=1000&lifecycle[]=active&lifecycle[]=deprecated&lifecycle[]=retired';
    expect(bursar.sent.map(({ url }) => decodeURIComponent(new URL(url).search))).toEqual([
      `?${query}`,
      `?${query}&after_id=model-a`,
    ]);
    for (const { headers } of bursar.sent) {
      expect(headers.get('x-api-key')).toBe('test-upstream-key');
      expect(headers.get('anthropic-version')).toBe('2023-06-01');
    }
    const { results } = await env.DB.prepare(
      'SELECT model, lifecycle, capabilities FROM model_lifecycles',
    ).all();
    expect(results).toEqual([
      { model: 'model-a', lifecycle: 'active', capabilities: 'null' },
      { model: 'model-b', lifecycle: 'active', capabilities: 'null' },
    ]);
  });

  test('that sees what the one before saw writes nothing, but once a day when it saw it', async () => {
    let capabilities: object = { thinking: { supported: true }, effort: { supported: false } };
    await gatewayListing(() => pageOf(info(SONNET, { capabilities }), deprecated('model-b', null)));
    await runSchedule();
    const first = await written();
    passTime(3_600_000);
    capabilities = { effort: { supported: false }, thinking: { supported: true } };
    await runSchedule();
    expect(await written()).toEqual(first);
    passTime(DAY_MS);
    await runSchedule();
    const { results } = await env.DB.prepare(
      'SELECT DISTINCT changed_at, seen_at FROM model_lifecycles',
    ).all();
    expect(results).toEqual([
      { changed_at: '2035-06-13T12:00:00.000Z', seen_at: '2035-06-14T13:00:00.000Z' },
    ]);
    expect(((await written()) as unknown[]).slice(1)).toEqual((first as unknown[]).slice(1));
  });

  test('gives wallets no new revision for a limit alone', async () => {
    let limit = 1_000_000;
    const bursar = await gatewayListing(() => pageOf(info('model-a', { max_input_tokens: limit })));
    await runSchedule();
    const revision = await revisionOf(bursar.costCenter);
    limit = 2_000_000;
    passTime(1_000);
    await runSchedule();
    const row = await env.DB.prepare('SELECT max_input_tokens, changed_at FROM model_lifecycles').first();
    expect(row).toEqual({ max_input_tokens: 2_000_000, changed_at: '2035-06-13T12:00:01.000Z' });
    expect(await revisionOf(bursar.costCenter)).toBe(revision);
  });

  test('publishes the list prices, once, also where the models cannot be looked at', async () => {
    const published = async () => (await env.DB.prepare('SELECT * FROM price_versions').all()).results;
    listened('error');
    await runSchedule({ PROVIDER: 'anthropic', ANTHROPIC_UPSTREAM_URL: 'http://localhost:1' });
    const first = await published();
    expect(first).toMatchObject([{ version: builtinCatalogue.version }]);
    passTime(DAY_MS);
    await runSchedule();
    expect(await published()).toEqual(first);
  });

  test('says in the audit log why every cost center has a new revision', async () => {
    await gatewayListing(() => pageOf(deprecated(SONNET, '2035-12-01T00:00:00Z')));
    await runSchedule();
    const query = "SELECT * FROM audit_events WHERE action = 'models.turn' ORDER BY sequence DESC";
    expect(await env.DB.prepare(query).first()).toMatchObject({
      actor: 'schedule',
      cost_center: null,
      before: '[]',
      after: `[{"model":"${SONNET}","lifecycle":"deprecated","retires_at":"2035-12-01T00:00:00.000Z"}]`,
    });
  });

  test.each<[string, () => Response, object]>([
    ['is refused (401)', () => new Response('{}', { status: 401 }), { why: 'refused', status: 401 }],
    ['is refused (403)', () => new Response('{}', { status: 403 }), { why: 'refused', status: 403 }],
    ['has no such path', () => new Response('', { status: 404 }), { why: 'refused', status: 404 }],
    ['gets no JSON', () => new Response('<html>'), { why: 'unreadable' }],
    ['gets a list without an end', () => Response.json({ data: [], has_more: true }), { why: 'unreadable' }],
    [
      'does not get through',
      () => {
        throw new Error('no route to host');
      },
      { why: 'unreachable' },
    ],
  ])('that %s changes nothing and logs once', async (_what, answer, problem) => {
    let isAway = false;
    await gatewayListing(() => (isAway ? answer() : pageOf(deprecated(SONNET, null))));
    await runSchedule();
    const before = await written();
    const warned = listened('warn');
    isAway = true;
    passTime(2 * DAY_MS);
    await runSchedule();
    expect(await written()).toEqual(before);
    expect(warned).toEqual([
      [expect.objectContaining({ message: 'the models could not be refreshed', ...problem })],
    ]);
  });

  test('without configuration logs what is missing', async () => {
    const errors = listened('error');
    await runSchedule({ ADMIN_TOKEN: '' });
    expect(errors).toEqual([[{ message: expect.stringContaining('ADMIN_TOKEN') }]]);
  });

  test('asks the simulator as well, which agrees with the catalogue', async () => {
    const warned = listened('warn');
    await runSchedule({ PROVIDER: 'simulator' });
    const { results } = await env.DB.prepare('SELECT lifecycle FROM model_lifecycles').all();
    expect(results).toHaveLength(builtinCatalogue.models.length);
    expect(new Set(results.map((row) => row.lifecycle))).toEqual(new Set(['active', 'retired']));
    expect(warned).toEqual([]);
  });

  test('logs where the API contradicts the catalogue, and acts on nothing of it', async () => {
    const yes = { supported: true };
    const capabilities = {
      thinking: { supported: true, types: { adaptive: yes, enabled: yes, disabled: { supported: false } } },
      effort: { supported: true, low: yes, max: { supported: false }, xhigh: null },
    };
    await gatewayListing(() => pageOf(info(SONNET, { max_tokens: 64_000, capabilities }), info('model-b')));
    const warned = listened('warn');
    await runSchedule();
    await runSchedule();
    const about = (field: string, api: unknown, catalogue: unknown) => ({
      model: SONNET,
      field,
      api,
      catalogue,
    });
    expect(warned).toEqual([
      [
        {
          message: 'the Models API contradicts the built-in catalogue',
          contradictions: [
            about('max_tokens', 64_000, 128_000),
            about('capabilities.thinking.types.enabled', true, false),
            about('capabilities.effort.max', false, true),
          ],
        },
      ],
    ]);
  });
});

describe('a model that turns deprecated', () => {
  test('is a warning on every policy that names it, stored or new, and once in each', async () => {
    let models: object[] = [info(SONNET)];
    const bursar = await gatewayListing(() => pageOf(...models));
    const route = { id: 'small', when: { input_tokens_below: 10_000 }, use: SONNET };
    await administer(bursar, 'POST', '/policies', { policy: { ...TEAM, routes: [route] } });
    await runSchedule();
    expect(await warningsOf(bursar)).toEqual([]);
    models = [deprecated(SONNET, '2035-07-01T00:00:00Z')];
    await runSchedule();
    const message = `"${SONNET}" is deprecated and retires on 2035-07-01`;
    const untried = { path: '', message: 'never tried on recorded turns: POST …/dry_runs' };
    const both = [
      { path: 'cascade[1]', message },
      { path: 'routes[0].use', message },
    ];
    expect(await warningsOf(bursar)).toEqual([both[0]]);
    expect(await warningsOf(bursar, '/policies/2')).toEqual([...both, untried]);
    const list = await administer(bursar, 'GET', '/policies');
    expect(await list.json()).toMatchObject({
      data: [{ warnings: [both[0]] }, { warnings: [...both, untried] }],
    });
    const created = await administer(bursar, 'POST', '/policies', { policy: TEAM });
    expect(await created.json()).toMatchObject({ version: 3, warnings: [both[0], untried] });
    expect(await warningsOf(bursar, '/policies/3')).toEqual([both[0], untried]);
    const activated = await administer(bursar, 'POST', '/policies/3/activate');
    expect(await activated.json()).toMatchObject({ state: 'live', warnings: [both[0]] });
    models = [info(SONNET)];
    await runSchedule();
    expect(await warningsOf(bursar, '/policies/3')).toEqual([]);
  });

  test('is one alert for each cost center whose live policy names it, at each change', async () => {
    let models = [info(SONNET)];
    const bursar = await gatewayListing(() => pageOf(...models));
    const other = await gatewayListing(() => pageOf(...models), { ...TEAM, cascade: ['claude-haiku-5-5'] });
    await runSchedule();
    await Promise.all([bursar, other].map(wake));
    models = [deprecated(SONNET, '2035-07-01T00:00:00Z')];
    for (let hours = 0; hours < 3; hours += 1) {
      await runSchedule();
      passTime(3_600_000);
    }
    const alert = { subject: SONNET, policy_version: 1, model: SONNET, paths: ['cascade[1]'] };
    const first = { ...alert, lifecycle: 'deprecated', retires_at: '2035-07-01T00:00:00.000Z' };
    expect(await retiringAlerts(bursar)).toEqual([first]);
    models = [retired(SONNET)];
    await runSchedule();
    await runSchedule();
    expect(await retiringAlerts(bursar)).toEqual([
      first,
      { ...alert, lifecycle: 'retired', retires_at: '2035-06-01T00:00:00.000Z' },
    ]);
    expect(await retiringAlerts(other)).toEqual([]);
  });

  test('is told by a wallet that was not told, when it next looks', async () => {
    const bursar = await gatewayListing(() => pageOf(deprecated(SONNET, null)));
    await wake(bursar);
    const wallets = { idFromName: String, get: () => ({ refresh: async () => ({ revision: 0 }) }) };
    await runSchedule({ PROVIDER: 'anthropic', WALLET: wallets as unknown as Env['WALLET'] });
    expect(await retiringAlerts(bursar)).toEqual([]);
    passTime(300_000);
    await (await bursar.turn(messagesBody())).text();
    await bursar.entries();
    expect(await retiringAlerts(bursar)).toMatchObject([{ lifecycle: 'deprecated', retires_at: null }]);
  });

  test('answers on when its date passes without a retirement', async () => {
    const bursar = await gatewayListing(() => pageOf(deprecated(SONNET, '2035-06-13T13:00:00Z')));
    await wake(bursar);
    await runSchedule();
    passTime(3_600_000);
    expect(await warningsOf(bursar)).toMatchObject([
      { message: `"${SONNET}" is retired: turns pass it over` },
    ]);
    await runSchedule();
    expect(await warningsOf(bursar)).toEqual([{ path: 'cascade[1]', message: `"${SONNET}" is deprecated` }]);
    expect(await retiringAlerts(bursar)).toHaveLength(1);
  });
});

describe('a model that is retired', () => {
  test('is passed over by the next turn, without a new configuration by anyone', async () => {
    let models = [info(SONNET)];
    const bursar = await gatewayListing(() => pageOf(...models));
    const { costCenter } = bursar;
    const wallet = walletStub(costCenter);
    await wallet.open(openRequest(costCenter, 'spent', { bodyBytes: 10, maxTokens: 10 }));
    await wallet.settle(completed('spent', usageOf({ inputTokens: 9.6e9 / 4_000 })));
    models = [retired(SONNET)];
    await runSchedule();
    expect(await wallet.refresh(costCenter, 0)).toEqual({ revision: await revisionOf(costCenter) });
    const response = await bursar.turn(messagesBody());
    await response.text();
    expect(response.headers.get('x-bursar-model')).toBe('claude-haiku-5-5');
    expect(response.headers.get('x-bursar-reason')).toBe('stage:team-day@0.95 skipped:retired');
    await bursar.settled();
  });

  test('is an error in a new policy and in one that is to go live', async () => {
    let models = [info(SONNET)];
    const bursar = await gatewayListing(() => pageOf(...models));
    await administer(bursar, 'POST', '/policies', { policy: TEAM });
    models = [retired(SONNET)];
    await runSchedule();
    const problems = [{ path: 'cascade[1]', message: `"${SONNET}" is retired` }];
    const answers = [
      await administer(bursar, 'POST', '/policies', { policy: TEAM }),
      await administer(bursar, 'POST', '/policies/2/activate'),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: { problems } });
    }
  });
});
