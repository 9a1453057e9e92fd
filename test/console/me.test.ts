/** The page `/me`: opened by a link that works once, kept open by a cookie, with nothing in its address. */
import { describe, expect, test, vi } from 'vitest';
import { BROKEN, walletLine } from '../faults/wallet-line.ts';
import { administered } from '../turn/admin.ts';
import type { Gateway } from '../turn/gateway.ts';
import { answering, ask, colleague, spend, teamDay, turn } from '../turn/standing-scene.ts';
import { passTime, useFakeClock } from '../wallet/scenario.ts';

useFakeClock();

async function linkOf(bursar: Gateway, key = bursar.key): Promise<{ url: string; expires_at: string }> {
  const headers = { authorization: `Bearer ${key}` };
  const response = await bursar.call('/v1/me/link', { method: 'POST', headers });
  expect(response.status).toBe(201);
  return await response.json();
}

function codeOf({ url }: { url: string }): string {
  return new URL(url).searchParams.get('code') ?? '';
}

async function exchange(bursar: Gateway, code: string, headers: Record<string, string> = {}) {
  const form = { 'content-type': 'application/x-www-form-urlencoded', ...headers };
  return await bursar.call('/me/open', {
    method: 'POST',
    headers: form,
    body: new URLSearchParams({ code }),
  });
}

/** The cookie of an exchange, as a browser sends it. */
function cookieOf(response: Response): string {
  return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

async function opened(bursar: Gateway): Promise<string> {
  return cookieOf(await exchange(bursar, codeOf(await linkOf(bursar))));
}

async function pageOf(bursar: Gateway, cookie: string) {
  const response = await bursar.call('/me', { headers: { cookie } });
  return { status: response.status, text: (await response.text()).replaceAll(bursar.costCenter, 'squad') };
}

describe('a link', () => {
  test('is exchanged, by a click, for a cookie, and leads to an address that holds nothing', async () => {
    const bursar = await answering(null, { PUBLIC_URL: 'https://bursar.example.com' });
    const link = await linkOf(bursar);
    expect(link.url).toMatch(/^https:\/\/bursar\.example\.com\/me\/open\?code=[\w-]+\.1\.[\w-]+$/);
    expect(link.expires_at).toBe('2035-06-13T12:05:00.000Z');
    expect(link.url).not.toContain(bursar.key);
    const shown = await bursar.call(`/me/open?code=${codeOf(link)}`);
    expect(shown.status).toBe(200);
    expect(shown.headers.get('referrer-policy')).toBe('no-referrer');
    expect(shown.headers.has('set-cookie')).toBe(false);
    expect(await shown.text()).toContain('<form method="post" action="/me/open">');
    const response = await exchange(bursar, codeOf(link));
    expect([response.status, response.headers.get('location')]).toEqual([303, '/me']);
    expect(response.headers.get('set-cookie')).toMatch(
      /^__Host-bursar-me=[^;]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect((await pageOf(bursar, cookieOf(response))).status).toBe(200);
  });

  test('works once, however often it was looked at', async () => {
    const bursar = await answering(null);
    const code = codeOf(await linkOf(bursar));
    for (let looks = 0; looks < 3; looks += 1) await bursar.call(`/me/open?code=${code}`);
    const both = await Promise.all([exchange(bursar, code), exchange(bursar, code)]);
    expect(both.map(({ status }) => status).sort()).toEqual([303, 410]);
    expect((await exchange(bursar, code)).status).toBe(410);
  });

  test('altered, too old, of another kind or none opens nothing', async () => {
    const bursar = await answering(null);
    const code = codeOf(await linkOf(bursar));
    const [, cookie = ''] = (await opened(bursar)).split('=');
    for (const wrong of [`x${code}`, code.replace(/\.1\./, '.2.'), cookie, '', 'a.1.b', 'x'.repeat(3_000)]) {
      expect((await exchange(bursar, wrong)).status).toBe(410);
      expect((await bursar.call(`/me/open?code=${wrong}`)).status).toBe(410);
    }
    passTime(300_000);
    expect((await exchange(bursar, code)).status).toBe(410);
  });

  test('is not exchanged for another site, nor with a body that is no form of ours', async () => {
    const bursar = await answering(null);
    const code = codeOf(await linkOf(bursar));
    expect((await exchange(bursar, code, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await exchange(bursar, 'x'.repeat(5_000))).status).toBe(413);
    expect((await exchange(bursar, code, { 'sec-fetch-site': 'same-origin' })).status).toBe(303);
  });

  test('is given to no key that is not good, and to none while the wallet is away', async () => {
    const bursar = await answering(null);
    const ada = await colleague(bursar);
    await administered(bursar, 'DELETE', `/keys/${ada.id}`);
    for (const authorization of ['', 'Bearer bk_forged', `Bearer ${ada.secret}`]) {
      const response = await bursar.call('/v1/me/link', { method: 'POST', headers: { authorization } });
      expect(response.status).toBe(401);
    }
  });

  test('asks for patience while the wallet is away', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const line = walletLine('redeem', () => Promise.reject(BROKEN));
    const bursar = await answering(null, { WALLET: line.wallets });
    expect((await exchange(bursar, codeOf(await linkOf(bursar)))).status).toBe(503);
  });
});

describe('the page', () => {
  test('shows budgets, sessions with their cost and model, why they were stepped down and when it resets', async () => {
    const bursar = await answering(teamDay('10'));
    await spend(bursar, 9.6);
    await turn(bursar, 'session-one');
    const { status, text } = await pageOf(bursar, await opened(bursar));
    expect(status).toBe(200);
    expect(text).toContain('<h1>Your budget in Squad squad</h1>');
    expect(text).toContain('<strong>96 %</strong>: $9.61 of $10.00 spent today, $0.39 left');
    expect(text).toMatch(/<meter min="0" max="100" low="75" high="95" optimum="0" value="96">/);
    expect(text).toContain('Resets 2035-06-14 00:00.');
    expect(text).toMatch(
      /<h3>session-one<\/h3>\s*<p>\$0\.01 today, on sonnet-5-5, last active 2035-06-13 14:00/,
    );
    expect(text).toContain(
      'In place of opus-5-5 since 2035-06-13 14:00: team-day reached 95 %; until 2035-06-14 00:00, or until a raise.',
    );
    expect(text).toContain('Budgets are raised by Mara Manager (mara@example.com).');
  });

  test('of a cost center that is paused, exempt or without a policy says so', async () => {
    const bursar = await answering(null);
    const cookie = await opened(bursar);
    await administered(bursar, 'POST', '/pause', { reason: '<b>month-end</b>' });
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await administered(bursar, 'POST', '/exempt', { reason: 'incident', until });
    const { text } = await pageOf(bursar, cookie);
    expect(text).toContain('is paused until it is resumed: &lt;b&gt;month-end&lt;/b&gt;');
    expect(text).toContain('No budget stands in the way until 2035-06-13 13:00.');
    expect(text).toContain('has no policy: spending has no limit.');
    expect(text).toContain('No budget limits you.');
  });

  test('shows the client’s words as text', async () => {
    const bursar = await answering(teamDay('10'));
    await turn(bursar, '<script>alert(1)</script>');
    const { text } = await pageOf(bursar, await opened(bursar));
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(text).not.toContain('<script');
  });

  test('runs nothing, is kept nowhere and framed by nobody', async () => {
    const bursar = await answering(null);
    const response = await bursar.call('/me', { headers: { cookie: await opened(bursar) } });
    expect(response.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'nonce-[0-9a-f-]+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test('is closed after an hour, to a cookie that is none, and to a key that was revoked since', async () => {
    const bursar = await answering(null);
    const cookie = await opened(bursar);
    for (const wrong of ['', '__Host-bursar-me=x', `__Host-bursar-me=${codeOf(await linkOf(bursar))}`]) {
      expect((await pageOf(bursar, wrong)).status).toBe(401);
    }
    expect((await ask(bursar, '/me')).status).toBe(401);
    passTime(3_599_000);
    expect((await pageOf(bursar, cookie)).status).toBe(200);
    passTime(1_000);
    expect((await pageOf(bursar, cookie)).status).toBe(401);
    const ada = await colleague(bursar);
    const hers = cookieOf(await exchange(bursar, codeOf(await linkOf(bursar, ada.secret))));
    expect((await pageOf(bursar, hers)).status).toBe(200);
    await administered(bursar, 'DELETE', `/keys/${ada.id}`);
    expect(await pageOf(bursar, hers)).toMatchObject({
      status: 401,
      text: expect.stringContaining('The key that opened this page is no longer good.'),
    });
  });

  test('on a machine without TLS has a cookie that its browser takes', async () => {
    const bursar = await answering(null, { PUBLIC_URL: 'http://127.0.0.1:8787' });
    const response = await exchange(bursar, codeOf(await linkOf(bursar)));
    expect(response.headers.get('set-cookie')).toMatch(
      /^bursar-me=[^;]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Strict$/,
    );
  });
});
