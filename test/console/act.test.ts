/** Links in alerts: looking changes nothing, posting does one thing once. */
import { env } from 'cloudflare:workers';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { LinkAction } from '../../worker/auth/alert-link.ts';
import { completed, DEVELOPER, openRequest, usageOf, walletStub } from '../fixture.ts';
import { messagesBody } from '../turn/gateway.ts';
import { passTime, useFakeClock } from '../wallet/scenario.ts';
import { type LinkTeam, linkTeam } from './link-team.ts';

useFakeClock();

const POLICY = {
  timezone: 'Europe/Berlin',
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '10.00' },
    { id: 'dev-week', scope: 'developer', window: 'week', limit_usd: '20.00' },
  ],
};
const MIDNIGHT = '2035-06-13T22:00:00.000Z';
const MONDAY = '2035-06-17T22:00:00.000Z';

async function spend(bursar: LinkTeam, dollars: number): Promise<void> {
  const wallet = walletStub(bursar.costCenter);
  await wallet.open(openRequest(bursar.costCenter, 'spent', { bodyBytes: 10, maxTokens: 10 }));
  await wallet.settle(completed('spent', usageOf({ inputTokens: Math.round((dollars * 1e9) / 4_000) })));
}

async function raises(bursar: LinkTeam): Promise<unknown> {
  return (await bursar.admin('GET', `/cost_centers/${bursar.costCenter}/raises`)).data;
}

async function audit(bursar: LinkTeam): Promise<{ action: string; actor: string }[]> {
  const { data } = await bursar.admin('GET', `/audit?cost_center=${bursar.costCenter}`);
  return data as { action: string; actor: string }[];
}

async function asks(bursar: LinkTeam, budget = 'team-day'): Promise<string> {
  const headers = { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ budget, extra_usd: '5.00', reason: '<b>release</b> & more' });
  const answer = await bursar.call('/v1/me/increase_requests', { method: 'POST', headers, body });
  return Object(await answer.json()).id;
}

async function turnStatus(bursar: LinkTeam): Promise<number> {
  const response = await bursar.turn(messagesBody({ max_tokens: 10 }));
  await response.text();
  return response.status;
}

describe('a link to raise until midnight', () => {
  test('shows what would happen, raises when its form is posted, and the very next turn passes', async () => {
    const bursar = await linkTeam(POLICY);
    await spend(bursar, 11);
    expect(await turnStatus(bursar)).toBe(429);
    const path = await bursar.link({ action: 'raise_until_midnight', event: 'event-7' });
    const page = await bursar.see(path);
    expect(page.status).toBe(200);
    expect(page.text).toContain('$11.00 of $10.00 (110 %)');
    expect(page.text).toContain('2035-06-14 00:00 (Europe/Berlin)');
    expect(page.text).toContain('name="extra_usd" value="6.00"');
    expect(await raises(bursar)).toEqual([]);
    const done = await bursar.post(path, { extra_usd: '6.00' });
    expect(done.status).toBe(200);
    expect(done.text).toContain('team-day is raised by $6.00 until 2035-06-14 00:00 (Europe/Berlin).');
    expect(await turnStatus(bursar)).toBe(200);
    expect(await raises(bursar)).toMatchObject([
      { budget: 'team-day', subject: null, extra_usd: '6.00', until: MIDNIGHT, reason: 'alert event-7' },
    ]);
    expect((await audit(bursar))[0]).toMatchObject({ action: 'raise.create', actor: 'link:event-7' });
    expect(bursar.line.told).toEqual([
      { object: bursar.costCenter, call: 'resolve', given: [bursar.costCenter, 'team-day', null] },
    ]);
  });

  test('of a weekly budget of one developer raises it for that developer, until midnight', async () => {
    const bursar = await linkTeam(POLICY);
    const link = { action: 'raise_until_midnight', budget: 'dev-week', subject: DEVELOPER } as const;
    await bursar.post(await bursar.link(link), { extra_usd: '$3' });
    expect(await raises(bursar)).toMatchObject([{ budget: 'dev-week', subject: DEVELOPER, until: MIDNIGHT }]);
  });

  test('works once, also for two at the same time', async () => {
    const bursar = await linkTeam(POLICY);
    const path = await bursar.link({ action: 'raise_until_midnight' });
    const posted = await Promise.all([1, 2, 3].map(() => bursar.post(path, { extra_usd: '1' })));
    expect(posted.map(({ status }) => status).toSorted()).toEqual([200, 409, 409]);
    expect(await raises(bursar)).toHaveLength(1);
    const again = await bursar.see(path);
    expect(again.status).toBe(409);
    expect(again.text).toContain('This link was used already');
  });

  test.each([
    ['nothing', {}],
    ['a word', { extra_usd: 'lots' }],
    ['zero', { extra_usd: '0' }],
    ['less than zero', { extra_usd: '-5' }],
    ['more than ten times the limit', { extra_usd: '100.01' }],
    ['more than a limit can be', { extra_usd: '5000001' }],
  ])('with %s typed says what was expected, and is still good', async (_, fields: Record<string, string>) => {
    const bursar = await linkTeam(POLICY);
    const path = await bursar.link({ action: 'raise_until_midnight' });
    const page = await bursar.post(path, fields);
    expect(page.status).toBe(400);
    expect(page.text).toMatch(/role="alert">extra_usd: .*expected/);
    expect(await raises(bursar)).toEqual([]);
    expect((await bursar.post(path, { extra_usd: '100' })).status).toBe(200);
  });
});

describe('a link to raise to a number', () => {
  test('makes that number the limit until the window ends, on top of raises in force', async () => {
    const bursar = await linkTeam(POLICY);
    const link = { action: 'raise_to', budget: 'dev-week', subject: DEVELOPER } as const;
    expect((await bursar.post(await bursar.link(link), { limit_usd: '30' })).status).toBe(200);
    const second = await bursar.link(link);
    expect((await bursar.see(second)).text).toContain('<dd>$30.00</dd>');
    const low = await bursar.post(second, { limit_usd: '30' });
    expect(low.status).toBe(400);
    expect(low.text).toContain('limit_usd: expected more than the limit is now, 30.00.');
    expect((await bursar.post(second, { limit_usd: '32.50' })).status).toBe(200);
    expect(await raises(bursar)).toMatchObject([
      { extra_usd: '2.50', until: MONDAY },
      { extra_usd: '10.00', until: MONDAY, subject: DEVELOPER },
    ]);
  });

  test('to more than eleven times the limit is refused by name', async () => {
    const bursar = await linkTeam(POLICY);
    const path = await bursar.link({ action: 'raise_to' });
    const page = await bursar.post(path, { limit_usd: '110.01' });
    expect(page.status).toBe(400);
    expect(page.text).toContain('team-day has a limit of 10.00 USD: expected at most 100.00 USD more');
    expect((await bursar.post(path, { limit_usd: '110' })).status).toBe(200);
  });
});

describe('a link to answer a request', () => {
  test('approves it: a raise, the next turn passes, and the other link is closed', async () => {
    const bursar = await linkTeam(POLICY);
    await spend(bursar, 11);
    const request = await asks(bursar);
    const approve = await bursar.link({ action: 'approve', request });
    const deny = await bursar.link({ action: 'deny', request });
    const page = await bursar.see(approve);
    expect(page.status).toBe(200);
    expect(page.text).toContain('&lt;b&gt;release&lt;/b&gt; &amp; more');
    expect(page.text).not.toContain('<b>');
    expect(
      (await bursar.admin('GET', `/increase_requests?status=pending&cost_center=${bursar.costCenter}`)).data,
    ).toHaveLength(1);
    expect((await bursar.post(approve)).status).toBe(200);
    expect(await turnStatus(bursar)).toBe(200);
    expect(await raises(bursar)).toMatchObject([{ extra_usd: '5.00', until: MIDNIGHT, subject: null }]);
    expect((await audit(bursar))[0]).toMatchObject({
      action: 'increase_request.approve',
      actor: expect.stringMatching(/^link:event-\d+$/),
    });
    for (const answer of [await bursar.see(deny), await bursar.post(deny)]) {
      expect(answer.status).toBe(409);
      expect(answer.text).toContain('was approved at');
    }
    expect((await bursar.post(approve)).status).toBe(409);
    expect(await raises(bursar)).toHaveLength(1);
  });

  test('denies it, once', async () => {
    const bursar = await linkTeam(POLICY);
    const request = await asks(bursar);
    const deny = await bursar.link({ action: 'deny', request });
    expect((await bursar.post(deny)).status).toBe(200);
    const { data } = await bursar.admin('GET', `/increase_requests?cost_center=${bursar.costCenter}`);
    expect(data).toMatchObject([
      { id: request, status: 'denied', resolved_by: expect.stringMatching(/^link:/) },
    ]);
    expect(await raises(bursar)).toEqual([]);
  });

  test('of another cost center, or of none, does not exist', async () => {
    const [bursar, other] = [await linkTeam(POLICY), await linkTeam(POLICY)];
    const request = await asks(other);
    expect((await bursar.post(await bursar.link({ action: 'approve', request }))).status).toBe(410);
    expect((await bursar.post(await bursar.link({ action: 'approve', request: null }))).status).toBe(410);
    expect(await raises(other)).toEqual([]);
  });

  test('that expired says so', async () => {
    const bursar = await linkTeam(POLICY);
    const request = await asks(bursar);
    passTime(24 * 3_600_000);
    const page = await bursar.post(await bursar.link({ action: 'approve', request }));
    expect(page.status).toBe(409);
    expect(page.text).toContain('expired at 2035-06-14T12:00:00.000Z');
  });
});

test('a link to leave it notes that somebody saw the alert, and no more', async () => {
  const bursar = await linkTeam(POLICY);
  const path = await bursar.link({ action: 'leave', event: 'event-left' });
  expect((await bursar.see(path)).status).toBe(200);
  expect((await bursar.post(path)).status).toBe(200);
  expect((await audit(bursar))[0]).toMatchObject({
    action: 'alert.leave',
    actor: 'link:event-left',
    target: 'event-left',
  });
  expect(await raises(bursar)).toEqual([]);
  expect((await bursar.post(path)).status).toBe(409);
});

describe('a link changes nothing', () => {
  const ACTIONS: readonly LinkAction[] = ['raise_until_midnight', 'raise_to', 'approve', 'deny', 'leave'];
  const state = async () => {
    const tables = ['raises', 'increase_requests', 'alert_link_uses', 'audit_events', 'cost_centers'];
    const rows = await env.DB.batch(tables.map((table) => env.DB.prepare(`SELECT * FROM ${table}`)));
    return JSON.stringify(rows.map(({ results }) => results));
  };

  test.each(ACTIONS)('by GET or HEAD (%s), however often', async (action) => {
    const bursar = await linkTeam(POLICY);
    const path = await bursar.link({ action, request: await asks(bursar) });
    const before = await state();
    for (const method of ['GET', 'HEAD', 'GET']) {
      const page = await bursar.see(path, method);
      expect(page.status).toBe(200);
      if (method === 'HEAD') expect(page.text).toBe('');
    }
    expect(await state()).toBe(before);
  });

  test.each<[string, (path: string) => string, number]>([
    ['altered', (path) => path.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')), 400],
    ['cut short', (path) => path.slice(0, -5), 400],
    ['made up', () => '/alerts/act/e30.1.AAAA', 400],
  ])('that was %s', async (_, change, status) => {
    const bursar = await linkTeam(POLICY);
    const path = change(await bursar.link({ action: 'raise_until_midnight' }));
    const before = await state();
    for (const page of [await bursar.see(path), await bursar.post(path, { extra_usd: '1' })]) {
      expect(page.status).toBe(status);
      expect(page.text).toContain('This link is not right');
    }
    expect(await state()).toBe(before);
  });

  test('after its time', async () => {
    const bursar = await linkTeam(POLICY);
    const path = await bursar.link({ action: 'raise_until_midnight' });
    passTime(3_600_000);
    expect((await bursar.see(path)).status).toBe(410);
    expect((await bursar.post(path, { extra_usd: '1' })).status).toBe(410);
    expect(await raises(bursar)).toEqual([]);
  });

  test('of a budget that is gone, a developer who is gone, a team that is gone', async () => {
    const bursar = await linkTeam(POLICY);
    const raise = { action: 'raise_to' } as const;
    const typed = { limit_usd: '50' };
    for (const changes of [
      { budget: 'team-year' },
      { budget: 'dev-week', subject: 'gone@example.com' },
      { cost_center: 'nobody' },
    ]) {
      const page = await bursar.post(await bursar.link({ ...raise, ...changes }), typed);
      expect(page.status, JSON.stringify(changes)).toBe(410);
    }
    expect(await raises(bursar)).toEqual([]);
  });
});

test('a page is made for a phone and keeps to itself', async () => {
  const bursar = await linkTeam(POLICY);
  const { headers, text } = await bursar.see(await bursar.link({ action: 'leave' }));
  expect(headers.get('content-security-policy')).toContain("default-src 'none'; style-src 'unsafe-inline'");
  expect(headers.get('content-security-policy')).toContain("form-action 'self'; frame-ancestors 'none'");
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
  expect(text).toContain('width=device-width');
  expect(text).not.toMatch(/<script|https?:\/\//);
});

test('a raise whose wallet is away is stored, and its page says that there is nothing to repeat', async () => {
  const bursar = await linkTeam(POLICY);
  const path = await bursar.link({ action: 'raise_until_midnight' });
  const WALLET = {
    idFromName: () => 'x',
    get: () => ({
      view: async () => ({ budgets: [], limits: [], policyVersion: 1, asOf: '' }),
      refresh: async () => {
        passTime(10_000);
        throw new Error('away');
      },
    }),
  } as unknown as typeof env.WALLET;
  const { app } = await import('../../worker/app.ts');
  const init = { method: 'POST', body: new URLSearchParams({ extra_usd: '1' }) };
  const bindings = { ...env, WALLET, ALERTS: bursar.line.ALERTS };
  const page = await app.request(path, init, bindings);
  expect(page.status).toBe(503);
  expect(await page.text()).toContain('There is nothing to repeat');
  expect(await raises(bursar)).toHaveLength(1);
});

test('an audit log that others never let go of is a 503 to try again, on a page and for a developer’s call', async () => {
  const bursar = await linkTeam(POLICY);
  const path = await bursar.link({ action: 'leave' });
  await env.DB.prepare(
    `CREATE TRIGGER others_are_faster BEFORE INSERT ON audit_events
     BEGIN SELECT RAISE(ABORT, 'the audit chain has moved'); END`,
  ).run();
  onTestFinished(async () => void (await env.DB.prepare('DROP TRIGGER others_are_faster').run()));
  const page = await bursar.post(path);
  expect(page.status).toBe(503);
  expect(page.text).toContain('The audit log is busy right now. Nothing was changed');

  const headers = { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ budget: 'team-day', extra_usd: '5.00', reason: 'release' });
  const answer = await bursar.call('/v1/me/increase_requests', { method: 'POST', headers, body });
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('2');
  expect(Object(await answer.json()).error.message).toContain('the audit log is busy');
});
