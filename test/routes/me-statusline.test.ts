/** `GET /v1/me/statusline` and `/v1/me/notice`: one line, and what a hook has to tell. */
import { describe, expect, test } from 'vitest';
import { administered } from '../turn/admin.ts';
import { answering, ask, askJson, spend, teamDay, turn } from '../turn/standing-scene.ts';
import { passTime, useFakeClock } from '../wallet/scenario.ts';

const HOUR_MS = 3_600_000;

useFakeClock('2035-06-13T12:10:00.000Z');

type Bursar = Awaited<ReturnType<typeof answering>>;

/** The line, with the team's name in place of the cost center's. */
async function line(bursar: Bursar, query = ''): Promise<string> {
  const response = await ask(bursar, `/v1/me/statusline${query}`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('private, max-age=10');
  return (await response.text()).replaceAll(bursar.costCenter, 'squad');
}

function inHours(hours: number): string {
  return new Date(Date.now() + hours * HOUR_MS).toISOString();
}

describe('the status line', () => {
  test.each<[spent: number, limit: string, expected: string]>([
    [0, '500', 'squad 0% · $500 left today'],
    [415, '500', 'squad 83% · $85 left today'],
    [499.995, '500', 'squad 99% · $0.01 left today'],
    [500, '500', 'squad 100% · $0.00 left today'],
    [520, '500', 'squad 104% · $20 over today'],
    [560, '500', 'squad 112% · used up · resets 2035-06-14 00:00'],
  ])('after %d of %s dollars reads %s', async (spent, limit, expected) => {
    const bursar = await answering(teamDay(limit));
    if (spent > 0) await spend(bursar, spent);
    expect(await line(bursar)).toBe(`${expected}\n`);
  });

  test('names the model of a session that was stepped down, and since when in the zone of the policy', async () => {
    const bursar = await answering(teamDay('500'));
    await spend(bursar, 480);
    await turn(bursar);
    passTime(20 * 60_000);
    const expected = 'squad 96% · $19 left today · sonnet-5-5 (stepped down 14:10)\n';
    expect(await line(bursar, '?session=s1')).toBe(expected);
    expect(await line(bursar, '?session=s2')).toBe('squad 96% · $19 left today\n');
  });

  test('says so where the developer asked for it', async () => {
    const bursar = await answering(teamDay('500'));
    await bursar.call('/v1/me/prefer', {
      method: 'POST',
      headers: { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ session: 's1', model: 'claude-haiku-4-5-20251001' }),
    });
    await turn(bursar);
    expect(await line(bursar, '?session=s1')).toBe('squad 0% · $499 left today · haiku-4-5 (as you asked)\n');
  });

  test.each<[scope: string, window: string, expected: string]>([
    ['developer', 'day', 'squad/mine 50% · $10 left today'],
    ['key', 'week', 'squad/mine 50% · $10 left this week'],
    ['cost_center', 'month', 'squad 50% · $10 left this month'],
  ])('of a budget by %s and %s reads %s', async (scope, window, expected) => {
    const budgets = [{ id: 'mine', scope, window, limit_usd: '20' }];
    const bursar = await answering({ timezone: 'Europe/Berlin', budgets });
    await spend(bursar, 10);
    expect(await line(bursar)).toBe(`${expected}\n`);
  });

  test('of a session budget tells what is left in the session, and to start a new one', async () => {
    const budgets = [{ id: 'mine', scope: 'session', window: 'session', limit_usd: '0.01' }];
    const bursar = await answering({ budgets, admission: 'expected' });
    expect(await line(bursar, '?session=s1')).toBe('squad · $0.00 spent today\n');
    const generous = await answering({ budgets: [{ ...budgets[0], limit_usd: '1' }] });
    await turn(generous);
    expect(await line(generous, '?session=s1')).toBe('squad/mine 0% · $0.99 left in this session\n');
  });

  test('without a policy tells what was spent', async () => {
    const bursar = await answering(null);
    await spend(bursar, 12.5);
    expect(await line(bursar)).toBe('squad · no budget · $12 spent today\n');
  });

  test('of a paused, exempt, archived cost center and of a stopped session says just that', async () => {
    const bursar = await answering(teamDay('500'));
    await spend(bursar, 560);
    await administered(bursar, 'POST', '/exempt', { reason: 'incident', until: inHours(4) });
    expect(await line(bursar)).toBe('squad 112% · $60 over today · exempt until 18:10\n');
    await turn(bursar);
    await administered(bursar, 'POST', '/sessions/s1/stop', { reason: 'it loops' });
    expect(await line(bursar, '?session=s1')).toBe('squad · this session was stopped: it loops\n');
    await administered(bursar, 'POST', '/pause', { reason: `a\u001b[31mkey\nleaked ${'x'.repeat(99)}` });
    const paused = await line(bursar);
    expect(paused).toMatch(/^squad paused: a \[31mkey leaked x+…\n$/);
    expect(paused.length).toBeLessThan(110);
    await administered(bursar, 'POST', '/pause', { reason: 'month-end', until: inHours(1) });
    expect(await line(bursar)).toBe('squad paused until 15:10: month-end\n');
    await administered(bursar, 'POST', '/archive');
    expect(await line(bursar)).toBe('squad archived: ask for another key\n');
  });

  test('is a 304 to whoever has it, until it changes', async () => {
    const bursar = await answering(teamDay('500'));
    const etag = (await ask(bursar, '/v1/me/statusline')).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const response = await ask(bursar, '/v1/me/statusline', { 'if-none-match': known });
      expect([response.status, await response.text()]).toEqual([304, '']);
      expect(response.headers.get('etag')).toBe(etag);
    }
    await spend(bursar, 50);
    expect((await ask(bursar, '/v1/me/statusline', { 'if-none-match': etag })).status).toBe(200);
  });
});

describe('a notice', () => {
  test('tells a step down once: model, rule, since and until when', async () => {
    const bursar = await answering(teamDay('10'));
    await turn(bursar);
    expect((await ask(bursar, '/v1/me/notice?session=s1')).status).toBe(204);
    await spend(bursar, 9.6);
    passTime(400_000);
    await turn(bursar);
    const told = await ask(bursar, '/v1/me/notice?session=s1');
    expect(await told.json()).toEqual({
      systemMessage: `Bursar: this session was stepped down from opus-5-5 to sonnet-5-5 at 14:16: team-day reached 95 % in ${bursar.costCenter}. It stays there until 2035-06-14 00:00 (Europe/Berlin), or until a raise.`,
    });
    const etag = told.headers.get('etag') ?? '';
    passTime(60_000);
    await turn(bursar);
    const again = await ask(bursar, '/v1/me/notice?session=s1', { 'if-none-match': etag });
    expect([again.status, await again.text()]).toEqual([304, '']);
    expect((await ask(bursar, '/v1/me/notice?session=s2')).status).toBe(204);
    expect((await ask(bursar, '/v1/me/notice')).status).toBe(204);
  });

  test('of a route is the same however often the route comes and goes', async () => {
    const when = { budget: 'team-day', remaining_usd_below: '9', hours: { from: '14:00', to: '15:00' } };
    const routes = [{ id: 'low', when, use: 'claude-haiku-5-5' }];
    const bursar = await answering(teamDay('10', { routes }));
    await spend(bursar, 2);
    await turn(bursar);
    const told = await ask(bursar, '/v1/me/notice?session=s1');
    expect(await told.json()).toEqual({
      systemMessage:
        'Bursar: this session is served by haiku-5-5 in place of opus-5-5 for now: route low sends such turns there; each turn is judged anew.',
    });
    passTime(HOUR_MS);
    await turn(bursar);
    expect((await ask(bursar, '/v1/me/notice?session=s1')).status).toBe(204);
    passTime(23 * HOUR_MS);
    await spend(bursar, 2);
    await turn(bursar);
    const etag = told.headers.get('etag') ?? '';
    const again = await ask(bursar, '/v1/me/notice?session=s1', { 'if-none-match': etag });
    expect(again.status).toBe(304);
  });

  test('is none where the developer wished for it', async () => {
    const bursar = await answering(teamDay('10'));
    await bursar.call('/v1/me/prefer', {
      method: 'POST',
      headers: { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ session: 's1', model: 'claude-haiku-5-5' }),
    });
    await turn(bursar);
    expect((await ask(bursar, '/v1/me/notice?session=s1')).status).toBe(204);
  });
});

describe('GET /api/oauth/usage', () => {
  test.each<[spent: number, percent: number, severity: string, warned: string | null]>([
    [10, 10, 'normal', null],
    [76, 76, 'warning', '0.75'],
    [82.4, 82, 'warning', '0.75'],
    [96, 96, 'critical', '0.95'],
    [104, 104, 'critical', '0.95'],
  ])('at %d of 100 dollars says %d percent, %s, and agrees with the headers', async (spent, percent, severity, warned) => {
    const stages = [{ at: '1.10', do: 'pause' }];
    const bursar = await answering(teamDay('100', { stages }));
    await spend(bursar, spent);
    const before = await askJson(bursar, '/api/oauth/usage?skip_spend=1');
    const headers = await turn(bursar);
    expect(before).toEqual({
      extra_usage: {
        is_enabled: true,
        monthly_limit: 10_000,
        used_credits: spent * 100,
        utilization: percent,
        currency: 'USD',
      },
      limits: [
        {
          kind: 'spend',
          group: 'daily',
          percent,
          resets_at: '2035-06-13T22:00:00.000Z',
          severity,
          is_active: true,
        },
      ],
    });
    const said = (name: string): string | null => headers.get(`anthropic-ratelimit-unified-${name}`);
    expect(said('overage-utilization')).toBe((Math.min(percent, 99) / 100).toFixed(2));
    expect(said('overage-surpassed-threshold')).toBe(warned);
    expect(said('representative-claim')).toBe('overage');
    for (const name of ['reset', 'overage-reset']) {
      expect(said(name)).toBe(String(Date.parse('2035-06-13T22:00:00.000Z') / 1000));
    }
  });

  test('lists every budget and marks the one the headers of the last session tell of', async () => {
    const bursar = await answering({
      timezone: 'Europe/Berlin',
      budgets: [
        { id: 'opus-day', scope: 'cost_center', line: 'opus', window: 'day', limit_usd: '20' },
        { id: 'dev-week', scope: 'developer', window: 'week', limit_usd: '50' },
        { id: 'team-month', scope: 'cost_center', window: 'month', limit_usd: '1000' },
        { id: 'session', scope: 'session', window: 'session', limit_usd: '30' },
      ],
    });
    await spend(bursar, 10);
    const headers = await turn(bursar);
    expect(headers.get('x-bursar-budget')).toMatch(/^opus-day;used=0\.50;/);
    expect(await askJson(bursar, '/api/oauth/usage')).toMatchObject({
      extra_usage: { monthly_limit: 2_000, utilization: 50 },
      limits: [
        { group: 'daily', percent: 50, is_active: true },
        { group: 'weekly', percent: 20, is_active: false, resets_at: '2035-06-17T22:00:00.000Z' },
        { group: 'monthly', percent: 1, is_active: false },
      ],
    });
    // A turn on another line is bound by other budgets.
    const sonnet = await turn(bursar, 's2', bursar.key, { model: 'claude-sonnet-5-5' });
    expect(sonnet.get('x-bursar-budget')).toMatch(/^dev-week;/);
    passTime(1_000);
    await turn(bursar, 's2', bursar.key, { model: 'claude-sonnet-5-5' });
    expect(await askJson(bursar, '/api/oauth/usage')).toMatchObject({
      extra_usage: { monthly_limit: 5_000, utilization: 20 },
    });
  });

  test('of a caller without a budget tells what they spent', async () => {
    const bursar = await answering(null);
    await spend(bursar, 12.345);
    expect(await askJson(bursar, '/api/oauth/usage')).toEqual({
      extra_usage: {
        is_enabled: true,
        monthly_limit: null,
        used_credits: 1_234,
        utilization: null,
        currency: 'USD',
        daily: { limit: null, used_credits: 1_234 },
        weekly: { limit: null, used_credits: 1_234 },
      },
      limits: [],
    });
  });
});
