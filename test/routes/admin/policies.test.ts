import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { call, field, makeCostCenter, rows, send, storedRevision, walletRevision } from './admin-calls.ts';

const POLICIES = '/cost_centers/squad/policies';
const BUDGET = { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '500.00' };

function policy(limit: string): object {
  return { policy: { timezone: 'Europe/Berlin', budgets: [{ ...BUDGET, limit_usd: limit }] } };
}

beforeAll(() => makeCostCenter('squad'));

describe('a policy', () => {
  test('that names a provider the deployment lacks says so as long as that is so', async () => {
    await makeCostCenter('providers');
    const path = '/cost_centers/providers/policies';
    const named = { policy: { budgets: [BUDGET], allowed_providers: ['simulator', 'bedrock-eu'] } };
    const warning = {
      path: 'allowed_providers[1]',
      message: 'this deployment has no provider "bedrock-eu": it has simulator',
    };
    const warnings = expect.arrayContaining([warning]);
    expect(await call('POST', path, named)).toMatchObject({ status: 201, body: { warnings } });
    expect(await call('GET', `${path}/1`)).toMatchObject({ status: 200, body: { warnings } });
  });

  test('is stored as a draft with its warnings, numbered from 1, exactly as it was given', async () => {
    const first = await call('POST', POLICIES, policy('0'));
    expect(first).toMatchObject({
      status: 201,
      body: {
        version: 1,
        state: 'draft',
        warnings: [{ path: 'budgets[0].limit_usd' }, { message: expect.stringContaining('never tried') }],
        activated_at: null,
      },
    });
    expect(first.body).toHaveProperty('policy', {
      timezone: 'Europe/Berlin',
      budgets: [{ ...BUDGET, limit_usd: '0' }],
    });
    const untried = { path: '', message: 'never tried on recorded turns: POST …/dry_runs' };
    expect((await call('POST', POLICIES, policy('500.00'))).body).toMatchObject({
      version: 2,
      warnings: [untried],
    });
    // Read again, a version also tells who hears of its stages as of now: here nobody does.
    const warnings = [{ path: 'budgets[0].limit_usd' }, untried, { path: 'alert_routes.routes' }];
    const read = { ...Object(first.body), warnings };
    expect(await call('GET', `${POLICIES}/1`)).toMatchObject({ status: 200, body: read });
    expect(rows(await call('GET', POLICIES))).toMatchObject([{ version: 1 }, { version: 2 }]);
  });

  test('that is wrong is a 400 with every path, those of the document', async () => {
    const stages = [
      { at: '0.95', do: 'downgrade' },
      { at: '0.80', do: 'alert' },
    ];
    const document = {
      timezone: 'Mars/Olympus',
      budgets: [{ ...BUDGET, limit_usd: '-1', stages }],
      routes: [{ id: 'r', when: {}, use: 'gpt-9' }],
    };
    const answer = await call('POST', POLICIES, { policy: document });
    expect(answer).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } });
    expect(answer.body).toMatchObject({
      error: {
        message:
          'timezone: expected the name of an IANA time zone such as "Europe/Berlin" (and 3 more, see problems)',
        problems: [
          { path: 'timezone' },
          { path: 'budgets[0].limit_usd', message: 'a limit cannot be negative' },
          { path: 'budgets[0].stages[1].at' },
          { path: 'routes[0].use', message: 'the catalogue knows no model "gpt-9"' },
        ],
      },
    });
  });

  test.each<[string, unknown]>([
    ['missing', {}],
    ['a list', { policy: [] }],
    ['a text', { policy: '{}' }],
  ])('that is %s is a 400 that names it', async (_what, body) => {
    expect(await call('POST', POLICIES, body)).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: 'policy' }] } },
    });
  });

  test('or version that nobody made is a 404', async () => {
    expect((await call('GET', `${POLICIES}/99`)).status).toBe(404);
    expect((await call('POST', `${POLICIES}/99/activate`)).status).toBe(404);
    expect((await call('POST', '/cost_centers/nobody/policies', policy('1'))).status).toBe(404);
    expect((await call('POST', '/cost_centers/nobody/policies/1/activate')).status).toBe(404);
  });
});

describe('a request that announces JSON and brings nothing, as curl does with a standing header', () => {
  const empty = (path: string) => {
    const headers = { authorization: `Bearer ${env.ADMIN_TOKEN}`, 'content-type': 'application/json' };
    return send(path, { method: 'POST', headers });
  };

  test('is one without a body where none is needed', async () => {
    await makeCostCenter('standing-header');
    await call('POST', '/cost_centers/standing-header/policies', policy('10'));
    expect(await empty('/cost_centers/standing-header/policies/1/activate')).toMatchObject({
      status: 200,
      body: { state: 'live' },
    });
    expect(await empty('/cost_centers/standing-header/resume')).toMatchObject({ status: 200 });
  });

  test('is told what it lacks where one is', async () => {
    expect(await empty('/cost_centers')).toMatchObject({
      status: 400,
      body: { error: { problems: expect.arrayContaining([expect.objectContaining({ path: 'id' })]) } },
    });
  });
});

describe('a version that is read', () => {
  const channel = { type: 'slack_webhook', url: 'https://hooks.slack.com/services/T/B/x' };
  const pager = { type: 'pagerduty', routing_key: 'x'.repeat(32) };
  const on = ['stage:alert', 'stage:downgrade', 'stage:pause'];

  async function warningsWith(to: object[]): Promise<unknown> {
    const routes = [{ on, severity: 'warning', to }];
    const put = await call('PUT', '/cost_centers/heard/alert_routes', { routes });
    expect(put.status).toBe(200);
    const { warnings } = Object((await call('GET', '/cost_centers/heard/policies/1')).body);
    return warnings.filter(({ path }: { path: string }) => path.startsWith('alert_routes'));
  }

  test('tells who hears of its stages by the routes of now, and what to do where nobody in particular does', async () => {
    await makeCostCenter('heard');
    await call('POST', '/cost_centers/heard/policies', policy('10'));
    expect(await warningsWith([channel])).toEqual([
      {
        path: 'alert_routes.routes',
        message: expect.stringContaining('only a shared channel hears of stage:alert'),
      },
    ]);
    expect(await warningsWith([channel, pager])).toEqual([]);
    // Mail cannot be sent here: there is no ALERTS_FROM.
    expect(await warningsWith([{ type: 'email', to: 'ada@example.com' }])).toMatchObject([
      { message: expect.stringContaining('nobody is reached by stage:alert') },
    ]);
  });
});

describe('the live policy', () => {
  beforeAll(async () => {
    await makeCostCenter('living');
    for (const limit of ['100', '200', '300'])
      await call('POST', '/cost_centers/living/policies', policy(limit));
  });

  async function states(): Promise<unknown[]> {
    return rows(await call('GET', '/cost_centers/living/policies')).map((row) => Object(row).state);
  }

  async function limitInWallet(): Promise<unknown> {
    return (await call('GET', '/cost_centers/living/wallet')).body;
  }

  test('is in the wallet when its activation returns, and retires the one before', async () => {
    const activated = await call('POST', '/cost_centers/living/policies/1/activate');
    expect(activated).toMatchObject({ status: 200, body: { version: 1, state: 'live' } });
    expect(field(activated, 'activated_at')).toMatch(/Z$/);
    expect(await walletRevision('living')).toBe(await storedRevision('living'));
    expect(await limitInWallet()).toMatchObject({ budgets: [{ limit_usd: '100.00' }] });
    await call('POST', '/cost_centers/living/policies/2/activate');
    expect(await states()).toEqual(['retired', 'live', 'draft']);
    expect((await call('GET', '/cost_centers/living')).body).toMatchObject({ live_policy_version: 2 });
  });

  test('can be activated again without a change', async () => {
    const revision = await storedRevision('living');
    expect((await call('POST', '/cost_centers/living/policies/2/activate')).status).toBe(200);
    expect(await storedRevision('living')).toBe(revision);
  });

  test('rolls back to a version that was live, and to no draft', async () => {
    expect(await call('POST', '/cost_centers/living/policies/1/rollback')).toMatchObject({
      status: 200,
      body: { version: 1, state: 'live' },
    });
    expect(await states()).toEqual(['live', 'retired', 'draft']);
    expect(await limitInWallet()).toMatchObject({ budgets: [{ limit_usd: '100.00' }] });
    expect(await call('POST', '/cost_centers/living/policies/3/rollback')).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('was never live') } },
    });
    expect(rows(await call('GET', '/audit?cost_center=living'))[0]).toMatchObject({
      action: 'policy.rollback',
      target: '1',
      before: { live_policy_version: 2 },
      after: { live_policy_version: 1 },
    });
  });

  test('is one, whoever activates at the same time', async () => {
    await Promise.all(
      [1, 2, 3].map((version) => call('POST', `/cost_centers/living/policies/${version}/activate`)),
    );
    expect((await states()).filter((state) => state === 'live')).toHaveLength(1);
  });
});

test('versions made at once get numbers without a gap', async () => {
  await makeCostCenter('hasty');
  await Promise.all(
    ['1', '2', '3', '4'].map((limit) => call('POST', '/cost_centers/hasty/policies', policy(limit))),
  );
  expect(rows(await call('GET', '/cost_centers/hasty/policies'))).toMatchObject(
    [1, 2, 3, 4].map((version) => ({ version })),
  );
});
