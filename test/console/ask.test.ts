/** The link in a refusal, and the page behind it where a developer asks for more. */
import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { askToken } from '../../worker/auth/ask-link.ts';
import { completed, DEVELOPER, keyIdOf, openRequest, usageOf, walletStub } from '../fixture.ts';
import { messagesBody } from '../turn/gateway.ts';
import { passTime, useFakeClock } from '../wallet/scenario.ts';
import { type LinkTeam, linkTeam, PUBLIC_URL } from './link-team.ts';

useFakeClock();

const POLICY = {
  budgets: [
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '10.00' },
    { id: 'session', scope: 'session', window: 'session', limit_usd: '50.00' },
  ],
};
const ASKED = { extra_usd: '5', reason: 'release <day>' };

async function spend(bursar: LinkTeam, dollars: number, session = 'spent'): Promise<void> {
  const wallet = walletStub(bursar.costCenter);
  const turnId = `spent-${session}`;
  await wallet.open(openRequest(bursar.costCenter, turnId, { bodyBytes: 10, maxTokens: 10, session }));
  await wallet.settle(completed(turnId, usageOf({ inputTokens: Math.round((dollars * 1e9) / 4_000) })));
}

async function refusal(bursar: LinkTeam, init: RequestInit = {}): Promise<string> {
  const response = await bursar.turn(messagesBody({ max_tokens: 10 }), init);
  expect(response.status).toBe(429);
  return Object(await response.json()).error.message;
}

async function askPath(bursar: LinkTeam): Promise<string> {
  const [, path = ''] =
    /Ask for more: https:\/\/bursar\.example(\/ask\/\S+)$/.exec(await refusal(bursar)) ?? [];
  return path;
}

describe('the refusal', () => {
  test('ends in a link short enough for a terminal, at the deployment’s own address', async () => {
    const bursar = await linkTeam(POLICY);
    await spend(bursar, 11);
    const message = await refusal(bursar);
    expect(message).toMatch(
      /^Your budget in .* to raise it\. Ask for more: https:\/\/bursar\.example\/ask\/[\w.-]{65}$/,
    );
  });

  test('has none where nobody said what the address is', async () => {
    const bursar = await linkTeam(POLICY, { PUBLIC_URL: '' });
    await spend(bursar, 11);
    expect(await refusal(bursar)).toMatch(/to raise it\.$/);
  });

  test('has none where a limit of zero blocks', async () => {
    const bursar = await linkTeam({ budgets: [{ ...POLICY.budgets[0], limit_usd: '0' }] });
    expect(await refusal(bursar)).toMatch(/to raise it\.$/);
  });

  test('of a session’s budget asks for that session', async () => {
    const bursar = await linkTeam({ budgets: [POLICY.budgets[1]] });
    const session = 'a session/é';
    await spend(bursar, 55, 'session-1');
    const message = await refusal(bursar, { headers: { 'x-claude-code-session-id': 'session-1' } });
    const [, path = ''] = /(\/ask\/\S+)$/.exec(message) ?? [];
    expect((await bursar.post(path, ASKED)).status).toBe(201);
    const { data } = await bursar.admin('GET', `/increase_requests?cost_center=${bursar.costCenter}`);
    expect(data).toMatchObject([{ budget: 'session', subject: 'session-1' }]);
    const secret = { generation: 1, secret: env.KEY_SECRETS.slice(2) };
    const link = { keyId: keyIdOf(bursar.costCenter), budget: 'session', session };
    expect((await bursar.see(`/ask/${await askToken(link, [secret], Date.now())}`)).status).toBe(200);
  });
});

describe('the page', () => {
  test('shows the standing, takes one request, tells delivery, and shows what becomes of it', async () => {
    const bursar = await linkTeam(POLICY);
    await spend(bursar, 11);
    const path = await askPath(bursar);
    const page = await bursar.see(path);
    expect(page.status).toBe(200);
    expect(page.text).toContain('$11.00 of $10.00 (110 %)');
    expect(page.text).toContain('<dd>2035-06-14 00:00</dd>');
    expect(page.text).toContain('Mara Manager');
    expect(page.text).toContain('<form method="post">');
    expect(bursar.line.told).toEqual([]);
    const asked = await bursar.post(path, ASKED);
    expect(asked.status).toBe(201);
    expect(asked.text).toContain('Your request for $5.00 more waits for an answer');
    expect(asked.text).not.toContain('<form');
    expect(bursar.line.told).toMatchObject([
      { call: 'accept', given: [bursar.costCenter, [{ on: 'increase_request', developer: DEVELOPER }]] },
    ]);
    expect((await bursar.post(path, ASKED)).status).toBe(409);
    const { data } = await bursar.admin('GET', `/increase_requests?cost_center=${bursar.costCenter}`);
    expect(data).toMatchObject([{ subject: DEVELOPER, extra_usd: '5.00', reason: 'release <day>' }]);
    const { id } = Object(Object(data)[0]);
    await bursar.admin('POST', `/increase_requests/${id}/approve`, { reason: 'go <on>' });
    const after = await bursar.see(path);
    expect(after.text).toContain('was approved: go on in Claude Code (go &lt;on&gt;)');
    expect(after.text).toContain('<form method="post">');
    const passed = await bursar.turn(messagesBody({ max_tokens: 10 }));
    expect(passed.status).toBe(200);
    await passed.text();
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['nothing', {}, /extra_usd: expected .* reason: expected/],
    ['zero', { ...ASKED, extra_usd: '0' }, /extra_usd: expected/],
    ['less than zero', { ...ASKED, extra_usd: '-1' }, /extra_usd: expected/],
    [
      'more than ten times the limit',
      { ...ASKED, extra_usd: '100.01' },
      /extra_usd: dev-day has a limit of 10\.00/,
    ],
    ['no reason', { ...ASKED, reason: ' ' }, /reason: expected 1 to 500/],
    ['too long a reason', { ...ASKED, reason: 'x'.repeat(501) }, /reason: expected 1 to 500/],
  ])('says what is wrong with %s, and keeps what was typed', async (_, fields, problem) => {
    const bursar = await linkTeam(POLICY);
    await spend(bursar, 11);
    const page = await bursar.post(await askPath(bursar), fields);
    expect(page.status).toBe(400);
    expect(page.text).toMatch(problem);
    if (fields.reason === ASKED.reason) expect(page.text).toContain('release &lt;day&gt;</textarea>');
  });

  test('is not for a link that was altered, expired, or whose key was revoked', async () => {
    const bursar = await linkTeam(POLICY);
    await spend(bursar, 11);
    const path = await askPath(bursar);
    expect((await bursar.see(path.replace('dev-day', 'dev-year'))).status).toBe(400);
    expect((await bursar.see('/ask/x')).status).toBe(400);
    await bursar.call(`/admin/v1/cost_centers/${bursar.costCenter}/keys/${keyIdOf(bursar.costCenter)}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` },
    });
    expect((await bursar.post(path, ASKED)).status).toBe(410);
    passTime(24 * 3_600_000);
    const late = await bursar.post(path, ASKED);
    expect([late.status, late.text.includes('This link has expired')]).toEqual([410, true]);
    const { data } = await bursar.admin('GET', `/increase_requests?cost_center=${bursar.costCenter}`);
    expect(data).toEqual([]);
  });

  test('of a body that is no form, or too large, asks for nothing', async () => {
    const bursar = await linkTeam(POLICY);
    await spend(bursar, 11);
    const path = await askPath(bursar);
    const json = await bursar.call(path, { method: 'POST', body: JSON.stringify(ASKED) });
    expect(json.status).toBe(400);
    await json.text();
    expect((await bursar.post(path, { ...ASKED, reason: 'x'.repeat(20_000) })).status).toBe(413);
  });

  test('says to try again where the database is away', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const away = {
      prepare: () => ({ bind: () => ({ raw: () => Promise.reject(new Error('D1_ERROR: away')) }) }),
    };
    const bursar = await linkTeam(POLICY);
    await spend(bursar, 11);
    const path = await askPath(bursar);
    const { app } = await import('../../worker/app.ts');
    const page = await app.request(path, {}, { ...env, PUBLIC_URL, DB: away });
    expect(page.status).toBe(503);
    expect(await page.text()).toContain('Try again in a moment');
  });
});
