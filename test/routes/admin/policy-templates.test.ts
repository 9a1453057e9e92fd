import { beforeAll, describe, expect, test } from 'vitest';
import { completed, openRequest, walletStub } from '../../fixture.ts';
import { costing, useFakeClock } from '../../wallet/scenario.ts';
import { call, field, makeCostCenter, rows } from './admin-calls.ts';

useFakeClock('2026-11-23T12:00:00.000Z');

const POLICIES = '/cost_centers/squad/policies';
const IDS = ['three-stage', 'hard-cap', 'startup', 'contractors'];

beforeAll(() => makeCostCenter('squad'));

/** The paths of a 400's problems with their messages. */
function problemsOf(body: unknown): string[] {
  const { problems = [] } = Object(body).error ?? {};
  return problems.map(({ path, message }: { path: string; message: string }) => `${path}: ${message}`);
}

describe('templates', () => {
  test('are listed with what they are for, the default first, and none has a doubt', async () => {
    const answer = await call('GET', '/policy_templates');
    expect(answer).toMatchObject({ status: 200, body: { next_cursor: null } });
    expect(rows(answer)).toMatchObject(
      IDS.map((id) => ({ id, name: expect.any(String), what_for: expect.any(String), warnings: [] })),
    );
  });

  test.each(IDS)('such as %s are read one by one, and stored as they are', async (id) => {
    const template = await call('GET', `/policy_templates/${id}`);
    expect(template).toMatchObject({ status: 200, body: { id, warnings: [] } });
    const stored = await call('POST', POLICIES, { template: id });
    const untried = { path: '', message: 'never tried on recorded turns: POST …/dry_runs' };
    expect(stored).toMatchObject({ status: 201, body: { state: 'draft', warnings: [untried] } });
    expect(Object(stored.body).policy).toEqual(Object(template.body).policy);
  });

  test('that do not exist are a 404; an unknown parameter is a 400', async () => {
    expect(await call('GET', '/policy_templates/four-stage')).toMatchObject({
      status: 404,
      body: { error: { message: 'there is no policy template four-stage' } },
    });
    expect((await call('GET', '/policy_templates?limit=1')).status).toBe(400);
  });
});

describe('a policy made from a template', () => {
  test('takes a time zone and limits by the ids of its budgets', async () => {
    const answer = await call('POST', POLICIES, {
      template: 'three-stage',
      timezone: 'Europe/Berlin',
      limits: { 'team-day': '300', 'dev-day': '45.5' },
    });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        policy: {
          timezone: 'Europe/Berlin',
          budgets: [
            { id: 'team-day', limit_usd: '300' },
            { id: 'team-month', limit_usd: '8000.00' },
            { id: 'dev-day', limit_usd: '45.5' },
            { id: 'session', limit_usd: '100.00' },
          ],
        },
      },
    });
  });

  test('keeps what its routes call little in proportion to the limit', async () => {
    const limits = { 'team-month': '500.00' };
    const answer = await call('POST', POLICIES, { template: 'startup', limits });
    const { routes } = Object(answer.body).policy;
    expect(routes[1].when).toMatchObject({ budget: 'team-month', remaining_usd_below: '100.00' });
  });

  test.each<[string, object, string[]]>([
    [
      'a template that does not exist',
      { template: 'four-stage' },
      [
        'template: there is no template "four-stage"; expected one of three-stage, hard-cap, startup, contractors',
      ],
    ],
    [
      'a policy and a template',
      { policy: { budgets: [] }, template: 'startup' },
      ['template: expected a policy or a template, not both'],
    ],
    ['neither', {}, ['policy: expected a policy, or a template in its place']],
    [
      'limits of a policy of its own',
      { policy: { budgets: [] }, limits: {}, timezone: 'UTC' },
      [
        'timezone: is for a template alone: a policy document says it itself',
        'limits: is for a template alone: a policy document says it itself',
      ],
    ],
    [
      'limits that are wrong, all at once',
      { template: 'hard-cap', limits: { 'team-day': '1', 'team-month': '-1' } },
      [
        'limits.team-day: the template hard-cap has no budget "team-day"; it has team-month',
        'limits.team-month: a limit cannot be negative',
      ],
    ],
    [
      'a limit that is a number',
      { template: 'hard-cap', limits: { 'team-month': 5 } },
      ['limits.team-month: expected US dollars as a decimal string such as "500.00"'],
    ],
    [
      'a made-up time zone',
      { template: 'hard-cap', timezone: 'Mars/Olympus' },
      ['timezone: expected the name of an IANA time zone such as "Europe/Berlin"'],
    ],
    ['a template of no name', { template: 7 }, [expect.stringContaining('template: ')]],
  ])('with %s is a 400 that names it', async (_what, body, expected) => {
    const answer = await call('POST', POLICIES, body);
    expect(answer.status).toBe(400);
    expect(problemsOf(answer.body)).toEqual(expected);
  });
});

test('the three stages act in a wallet as the template says: alert, step down, pause', async () => {
  await makeCostCenter('played');
  const keyId = field(
    await call('POST', '/cost_centers/played/keys', { developer: 'dev@example.com' }),
    'id',
  );
  const limits = { 'team-day': '10', 'team-month': '100', 'dev-day': '100', session: '100' };
  await call('POST', '/cost_centers/played/policies', { template: 'three-stage', limits });
  await call('POST', '/cost_centers/played/policies/1/activate');
  const wallet = walletStub('played');
  const open = async (turnId: string) =>
    await wallet.open({ ...openRequest('played', turnId, { bodyBytes: 10, maxTokens: 10 }), keyId });
  const spend = async (turnId: string, usd: number) => {
    const opened = await open(turnId);
    await wallet.settle(completed(turnId, costing(usd)));
    return opened;
  };
  expect(await spend('turn-1', 8.2)).toMatchObject({ decision: 'proceed' });
  expect(await spend('turn-2', 1.5)).toMatchObject({ decision: 'proceed' });
  expect(await spend('turn-3', 2)).toMatchObject({ decision: 'downgrade', model: 'claude-sonnet-5-5' });
  expect(await open('turn-4')).toMatchObject({
    status: 'refused',
    reasons: ['stage:team-day@1.10', 'short:team-day'],
  });
  const view = await wallet.view('played');
  expect(view.budgets.find(({ id }) => id === 'team-day')).toMatchObject({ stage: 'pause' });
});
