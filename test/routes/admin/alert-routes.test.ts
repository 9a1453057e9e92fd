/** Alert routes as settings: whole documents, with secrets that go in and never come out. */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import { unseal } from '../../../durable-objects/ledger/sealed.ts';
import { type Answer, call, makeCostCenter, rows } from './admin-calls.ts';
import { deliveryLine } from './delivery-line.ts';

const SECRET = `whsec_${btoa('0123456789abcdef01234567')}`;
const NEWER = `whsec_${btoa('fedcba9876543210fedcba98')}`;
const DEFAULT = '/alert_routes';

let count = 0;
let squad = '';
let path = '';

beforeEach(async () => {
  count += 1;
  squad = `routed-${count}`;
  path = `/cost_centers/${squad}/alert_routes`;
  await makeCostCenter(squad);
  await env.DB.prepare('DELETE FROM alert_routes').run();
});

const DM = { type: 'slack_dm', email: 'manager@example.com' };
const HOOK = { type: 'webhook', url: 'https://hooks.example.com/secret-path', secret: SECRET };
const QUIET = { from: '22:00', to: '07:00', timezone: 'Europe/Berlin' };
const ROUTE = { on: ['stage:alert', 'stage:downgrade', 'stage:pause'], severity: 'warning', to: [DM] };

function routes(changes: object = {}, fallback: object[] = [{ type: 'email', to: 'platform@example.com' }]) {
  return { routes: [{ ...ROUTE, quiet_hours: null, ...changes }], fallback };
}

function problems(answer: Answer): unknown {
  expect(answer).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } });
  return Object(answer.body).error.problems;
}

function problemPaths(answer: Answer): unknown[] {
  return (problems(answer) as { path: string }[]).map((each) => each.path);
}

function destinations(answer: Answer, route = 0): { id: string; type: string }[] {
  return Object(answer.body).routes[route].to;
}

async function stored(owner = squad): Promise<string> {
  const row = env.DB.prepare('SELECT document FROM alert_routes WHERE cost_center = ?').bind(owner);
  return (await row.first('document')) ?? '';
}

const ALL = [
  DM,
  { type: 'slack_dm', user_id: 'U024BE7LH' },
  { type: 'slack_channel', channel: '#budgets' },
  { type: 'slack_webhook', url: 'https://hooks.slack.example.com/services/T0/B0/slack-secret' },
  { type: 'teams', url: 'https://teams.example.com/workflows/teams-secret' },
  { type: 'pagerduty', routing_key: 'pagerdutykey00000000000000000000' },
  { type: 'opsgenie', api_key: 'opsgenie-key-0000', region: 'eu' },
  HOOK,
  { type: 'email', to: 'Ops@Example.com' },
];

describe('alert routes of a cost center', () => {
  test('take every kind of destination and show it without what is secret', async () => {
    const answer = await call('PUT', path, routes({ to: ALL, quiet_hours: QUIET }));
    expect(answer.status).toBe(200);
    const id = expect.stringMatching(/^dst_[0-9a-f]{24}$/);
    expect(answer.body).toMatchObject({
      of: 'cost_center',
      routes: [{ on: ROUTE.on, severity: 'warning', quiet_hours: QUIET }],
      fallback: [{ id, type: 'email', to: 'platform@example.com' }],
    });
    expect(destinations(answer)).toEqual([
      { id, type: 'slack_dm', email: 'manager@example.com' },
      { id, type: 'slack_dm', user_id: 'U024BE7LH' },
      { id, type: 'slack_channel', channel: '#budgets' },
      { id, type: 'slack_webhook', url_set: true, host: 'hooks.slack.example.com' },
      { id, type: 'teams', url_set: true, host: 'teams.example.com' },
      { id, type: 'pagerduty', routing_key_set: true },
      { id, type: 'opsgenie', api_key_set: true, region: 'eu' },
      {
        id,
        type: 'webhook',
        url_set: true,
        host: 'hooks.example.com',
        secret_set: true,
        previous_secret_set: false,
      },
      { id, type: 'email', to: 'ops@example.com' },
    ]);
    expect((await call('GET', path)).body).toEqual(answer.body);
    const audited = JSON.stringify((await call('GET', `/audit?cost_center=${squad}`)).body);
    expect(audited).toContain('alert_routes.replace');
    for (const text of [JSON.stringify(answer.body), audited, await stored()]) {
      expect(text).not.toMatch(/secret-path|slack-secret|teams-secret|pagerdutykey|opsgenie-key|whsec_/);
    }
  });

  test('are kept sealed, and open with KEY_SECRETS alone', async () => {
    await call('PUT', path, routes({ to: [HOOK] }));
    const [{ url, secrets }] = JSON.parse(await stored()).routes[0].to;
    const [, ...secret] = env.KEY_SECRETS.split(':');
    const listed = [{ generation: 1, secret: secret.join(':') }];
    expect(await unseal(url, 'alert-destination', listed)).toBe(HOOK.url);
    expect(await unseal(secrets[0], 'alert-destination', listed)).toBe(SECRET);
  });

  test('are read in the view that delivery asks, or else the organisation’s', async () => {
    const inForce = async (owner: string) =>
      await env.DB.prepare('SELECT document FROM alert_routes_in_force WHERE cost_center = ?')
        .bind(owner)
        .first('document');
    expect(await inForce(squad)).toBeNull();
    await call('PUT', DEFAULT, routes({ severity: 'info' }));
    expect(await inForce(squad)).toBe(await stored('*'));
    expect(await inForce('*')).toBe(await stored('*'));
    expect((await call('GET', path)).body).toMatchObject({
      of: 'organisation',
      routes: [{ severity: 'info' }],
    });
    await call('PUT', path, routes({ severity: 'error' }));
    expect(await inForce(squad)).toBe(await stored());
    expect((await call('GET', path)).body).toMatchObject({
      of: 'cost_center',
      routes: [{ severity: 'error' }],
    });
    expect((await call('DELETE', path)).status).toBe(204);
    expect((await call('GET', path)).body).toMatchObject({ of: 'organisation' });
    expect((await call('DELETE', path)).status).toBe(404);
  });

  test('where there are none anywhere say so', async () => {
    expect((await call('GET', path)).body).toMatchObject({
      of: 'nobody',
      routes: [],
      fallback: [],
      updated_at: null,
      warnings: [{ path: 'routes' }, { path: 'fallback' }, { path: '$' }],
    });
  });

  test('what GET shows can be sent back: secrets left out are kept', async () => {
    const first = await call('PUT', path, routes({ to: ALL }));
    const { routes: shown, fallback } = Object(first.body);
    const before = JSON.parse(await stored()).routes[0].to;
    const again = await call('PUT', path, { routes: shown, fallback });
    expect(again.status).toBe(200);
    expect(destinations(again)).toEqual(destinations(first));
    const after = JSON.parse(await stored()).routes[0].to;
    expect(after.map((each: { id: string }) => each.id)).toEqual(
      before.map((each: { id: string }) => each.id),
    );
    const bindings = { generation: 1, secret: env.KEY_SECRETS.slice(2) };
    const open = async (text: string) => await unseal(text, 'alert-destination', [bindings]);
    expect(await open(after[7].secrets[0])).toBe(SECRET);
    expect(await open(after[5].routingKey)).toBe('pagerdutykey00000000000000000000');
  });

  test('the same document again keeps the ids', async () => {
    const first = await call('PUT', path, routes({ to: [HOOK] }));
    const again = await call('PUT', path, routes({ to: [HOOK] }));
    expect(destinations(again)).toEqual(destinations(first));
  });

  test('a new secret of a webhook leaves the former one beside it until null drops it', async () => {
    const [{ id } = { id: '' }] = destinations(await call('PUT', path, routes({ to: [HOOK] })));
    const rotated = await call('PUT', path, routes({ to: [{ id, type: 'webhook', secret: NEWER }] }));
    expect(destinations(rotated)).toMatchObject([{ id, previous_secret_set: true }]);
    const done = { id, type: 'webhook', previous_secret: null };
    expect(destinations(await call('PUT', path, routes({ to: [done] })))).toMatchObject([
      { id, secret_set: true, previous_secret_set: false },
    ]);
  });

  test('delivery is told of a change, and a failure to tell it fails nothing', async () => {
    const line = deliveryLine();
    await call('PUT', path, routes(), { ALERTS: line.ALERTS });
    await call('DELETE', path, undefined, { ALERTS: line.ALERTS });
    await call('PUT', DEFAULT, routes(), { ALERTS: line.ALERTS });
    expect(line.told).toEqual([
      { object: squad, call: 'routesChanged', given: [squad] },
      { object: squad, call: 'routesChanged', given: [squad] },
      { object: '*', call: 'routesChanged', given: ['*'] },
    ]);
    const away = deliveryLine({ routesChanged: () => Promise.reject(new Error('away')) });
    expect((await call('PUT', path, routes(), { ALERTS: away.ALERTS })).status).toBe(200);
  });

  test('a test says what came back, and 503 where delivery is away', async () => {
    const result = {
      destination: { id: 'dst_1', type: 'email' },
      delivered: false,
      status: 500,
      said: 'no',
    };
    const line = deliveryLine({ sendTest: async () => [result] });
    const answer = await call('POST', `${path}/test`, undefined, { ALERTS: line.ALERTS });
    expect(answer).toMatchObject({ status: 200, body: { data: [result] } });
    await call('POST', `${DEFAULT}/test`, undefined, { ALERTS: line.ALERTS });
    expect(line.told.map(({ object }) => object)).toEqual([squad, '*']);
    const away = deliveryLine({ sendTest: () => Promise.reject(new Error('away')) });
    expect(await call('POST', `${path}/test`, undefined, { ALERTS: away.ALERTS })).toMatchObject({
      status: 503,
      body: { error: { message: expect.stringContaining('delivery of alerts') } },
    });
  });

  test('of nobody are a 404', async () => {
    for (const [method, rest] of [
      ['GET', ''],
      ['PUT', ''],
      ['DELETE', ''],
      ['POST', '/test'],
    ] as const) {
      const body = method === 'PUT' ? routes() : undefined;
      const answer = await call(method, `/cost_centers/nobody/alert_routes${rest}`, body);
      expect(answer.status, method).toBe(404);
    }
  });
});

describe('alert routes are refused with the path of', () => {
  const hook = (changes: object) => routes({ to: [{ ...HOOK, ...changes }] });
  const to = (...each: object[]) => routes({ to: each });
  test.each<[string, object, string[]]>([
    ['a route without destinations', routes({ to: [] }), ['routes[0].to']],
    ['an event that there is none of', routes({ on: ['stage:panic'] }), ['routes[0].on[0]']],
    ['a route for nothing', routes({ on: [] }), ['routes[0].on']],
    ['a severity that there is none of', routes({ severity: 'loud' }), ['routes[0].severity']],
    [
      'quiet hours that never end',
      routes({ quiet_hours: { ...QUIET, to: '22:00' } }),
      ['routes[0].quiet_hours.to'],
    ],
    ['an hour of 24', routes({ quiet_hours: { ...QUIET, from: '24:00' } }), ['routes[0].quiet_hours.from']],
    [
      'an unknown zone',
      routes({ quiet_hours: { ...QUIET, timezone: 'Mars' } }),
      ['routes[0].quiet_hours.timezone'],
    ],
    ['an address over http', hook({ url: 'http://hooks.example.com' }), ['routes[0].to[0].url']],
    ['an address that is none', hook({ url: 'hooks' }), ['routes[0].to[0].url']],
    ['loopback', hook({ url: 'https://127.0.0.1/x' }), ['routes[0].to[0].url']],
    ['loopback in octal', hook({ url: 'https://0177.1/x' }), ['routes[0].to[0].url']],
    ['loopback as a number', hook({ url: 'https://2130706433/x' }), ['routes[0].to[0].url']],
    ['loopback in IPv6', hook({ url: 'https://[::1]/x' }), ['routes[0].to[0].url']],
    ['a mapped address', hook({ url: 'https://[::ffff:10.0.0.1]/x' }), ['routes[0].to[0].url']],
    ['a metadata address', hook({ url: 'https://169.254.169.254/latest' }), ['routes[0].to[0].url']],
    ['a metadata name', hook({ url: 'https://metadata.google.internal/x' }), ['routes[0].to[0].url']],
    ['localhost', hook({ url: 'https://localhost/x' }), ['routes[0].to[0].url']],
    ['a password in an address', hook({ url: 'https://a:b@hooks.example.com' }), ['routes[0].to[0].url']],
    ['a secret without its prefix', hook({ secret: btoa('x'.repeat(24)) }), ['routes[0].to[0].secret']],
    ['a secret that is no base64', hook({ secret: 'whsec_%%%' }), ['routes[0].to[0].secret']],
    ['a secret of 23 bytes', hook({ secret: `whsec_${btoa('x'.repeat(23))}` }), ['routes[0].to[0].secret']],
    ['a secret of 65 bytes', hook({ secret: `whsec_${btoa('x'.repeat(65))}` }), ['routes[0].to[0].secret']],
    ['a new webhook without a secret', hook({ secret: undefined }), ['routes[0].to[0].secret']],
    ['a new teams without an address', to({ type: 'teams' }), ['routes[0].to[0].url']],
    ['a short routing key', to({ type: 'pagerduty', routing_key: 'x' }), ['routes[0].to[0].routing_key']],
    ['a DM to nobody', to({ type: 'slack_dm' }), ['routes[0].to[0].email']],
    ['a DM to two', to({ ...DM, user_id: 'U024BE7LH' }), ['routes[0].to[0].email']],
    ['a channel with a space', to({ type: 'slack_channel', channel: '#a b' }), ['routes[0].to[0].channel']],
    [
      'a region that there is none of',
      to({ type: 'opsgenie', api_key: 'k'.repeat(20), region: 'mars' }),
      ['routes[0].to[0].region'],
    ],
    ['an e-mail to no address', to({ type: 'email', to: 'ops' }), ['routes[0].to[0].to']],
    ['a type that there is none of', to({ type: 'pigeon' }), ['routes[0].to[0].type']],
    ['a template field', routes({ template: '{{team}}' }), ['routes[0].template']],
    ['a field of a destination', to({ ...DM, name: 'x' }), ['routes[0].to[0].name']],
    ['the same destination twice', to(DM, DM), ['routes[0].to[1]']],
    ['an id that is not there', to({ id: `dst_${'0'.repeat(24)}`, ...DM }), ['routes[0].to[0].id']],
    ['a fallback that is a route’s own destination', routes({}, [DM]), ['fallback[0]']],
    ['no routes', { fallback: [] }, ['routes']],
  ])('%s', async (_, document, paths) => {
    expect(problemPaths(await call('PUT', path, document))).toEqual(paths);
  });

  test('everything that is wrong at once', async () => {
    const document = {
      routes: [
        { on: ['stage:panic'], severity: 'loud', to: [DM, { ...HOOK, url: 'http://hooks.example.com' }] },
        { on: ['projection'], severity: 'info', to: [], quiet_hours: { ...QUIET, to: '22:00' } },
      ],
      fallback: [DM, { type: 'teams', url: 'https://10.0.0.1/' }],
      extra: 1,
    };
    expect(problemPaths(await call('PUT', path, document)).toSorted()).toEqual([
      'extra',
      'fallback[0]',
      'fallback[1].url',
      'routes[0].on[0]',
      'routes[0].severity',
      'routes[0].to[1].url',
      'routes[1].quiet_hours.to',
      'routes[1].to',
    ]);
  });

  test('an id whose destination leads elsewhere in the same document', async () => {
    const [{ id } = { id: '' }] = destinations(await call('PUT', path, routes({ to: [HOOK] })));
    const moved = { id, type: 'webhook', url: 'https://other.example.com/' };
    const document = {
      routes: [
        { ...ROUTE, to: [{ id, type: 'webhook' }] },
        { ...ROUTE, to: [moved] },
      ],
    };
    expect(problemPaths(await call('PUT', path, document))).toEqual(['routes[1].to[0].id']);
  });
});

describe('alert routes warn of', () => {
  const warnings = async (document: object, bindings = {}) => {
    const means = {
      SLACK_BOT_TOKEN: 'xoxb-1',
      ALERTS_FROM: 'bursar@example.com',
      PUBLIC_URL: 'https://bursar.example.com',
    };
    const answer = await call('PUT', path, document, { ...means, ...bindings });
    return Object(answer.body).warnings.map((each: { path: string }) => each.path);
  };
  test.each<[string, object, object, string[]]>([
    ['nothing', routes(), {}, []],
    ['stages that only a shared channel hears of', routes({ to: [ALL[2]] }), {}, ['routes[0].to']],
    ['stages that nobody hears of', routes({ on: ['projection'] }), {}, ['routes']],
    ['no fallback', routes({}, []), {}, ['fallback']],
    ['Slack without a token', routes(), { SLACK_BOT_TOKEN: '' }, ['routes[0].to[0]']],
    ['e-mail without a sender', routes(), { ALERTS_FROM: '' }, ['fallback[0]']],
    ['no address for links', routes(), { PUBLIC_URL: '' }, ['$']],
  ])('%s', async (_, document, bindings, paths) => {
    expect(await warnings(document, bindings)).toEqual(paths);
  });
});

test('on this machine private addresses are let through where ALERTS_ALLOW_PRIVATE says so', async () => {
  const document = routes({ to: [{ ...HOOK, url: 'http://127.0.0.1:9000/hook' }] });
  expect((await call('PUT', path, document, { ALERTS_ALLOW_PRIVATE: 'true' })).status).toBe(200);
  expect(problemPaths(await call('PUT', path, document))).toEqual(['routes[0].to[0].url']);
});

test('changes are in the audit log with what was before, of the organisation too', async () => {
  await call('PUT', DEFAULT, routes());
  await call('DELETE', DEFAULT);
  const [removed, replaced] = rows(await call('GET', '/audit?limit=2'));
  expect(replaced).toMatchObject({
    action: 'alert_routes.replace',
    cost_center: null,
    target: '*',
    before: null,
    after: { fallback: [{ type: 'email', to: 'platform@example.com' }] },
  });
  expect(removed).toMatchObject({ action: 'alert_routes.remove', after: null });
});
