/** What identity providers say of people, and what forged, stale and misdirected tokens get. */
import { exportSPKI, importJWK } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Answer, call, makeCostCenter, rows, send } from './admin-calls.ts';
import {
  ACCESS_AUD,
  AUDIENCE,
  bearer,
  connect,
  type Issuer,
  newKey,
  startAccess,
  startIssuer,
  tokenOf,
} from './issuer.ts';

let minute = 0;

beforeEach(() => {
  connect();
  vi.useFakeTimers({ toFake: ['Date'] });
  // A minute of its own: an isolate records a bounded number of refusals a minute.
  minute += 1;
  vi.setSystemTime(Date.UTC(2027, 0, 4) + minute * 600_000);
  vi.spyOn(console, 'error').mockImplementation(() => {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function whoami(issuer: Issuer, token: string): Promise<Answer> {
  return await send('/whoami', { headers: bearer(token) }, issuer.variables);
}

/** The refusals in the audit log, newest first. */
async function denials(): Promise<unknown[]> {
  const events = rows(await call('GET', '/audit?limit=1000'));
  return events.filter((event) => Object(event).action === 'access.denied');
}

/** A token put together by hand, with this header and claims and whatever signature. */
function handmade(header: object, claims: object, signature = 'AAAA'): string {
  const encode = (part: object) =>
    btoa(JSON.stringify(part)).replaceAll('=', '').replaceAll('+', '-').replaceAll('/', '_');
  return `${encode(header)}.${encode(claims)}.${signature}`;
}

describe('a person', () => {
  test('is who their issuer says, by a verified e-mail in lower case', async () => {
    const issuer = await startIssuer();
    const answer = await whoami(
      issuer,
      await tokenOf(issuer, { email: 'Ada@Example.com', email_verified: true }),
    );
    expect(answer).toMatchObject({
      status: 200,
      body: {
        principal: {
          kind: 'person',
          actor: 'ada@example.com',
          issuer: issuer.url,
          subject: 'user-1',
          email: 'ada@example.com',
        },
        roles: [],
        cost_centers: [],
        permissions: [],
      },
    });
    expect(answer.headers.get('request-id')).toMatch(/^req_/);
  });

  test.each([
    false,
    'false',
    null,
  ])('whose e-mail has email_verified %s is a subject only', async (verified) => {
    const issuer = await startIssuer();
    const token = await tokenOf(issuer, { email: 'ada@example.com', email_verified: verified });
    expect((await whoami(issuer, token)).body).toMatchObject({
      principal: { actor: `${issuer.url}|user-1`, email: null },
    });
  });

  test('whose keys were asked for once is not asked about again', async () => {
    const issuer = await startIssuer();
    for (const subject of ['user-1', 'user-2', 'user-3']) {
      expect((await whoami(issuer, await tokenOf(issuer, { sub: subject }))).status).toBe(200);
    }
    expect(issuer.asked).toBe(1);
  });

  test('of an issuer at a fixed address of keys needs no discovery', async () => {
    const issuer = await startIssuer();
    const OIDC_ISSUERS = JSON.stringify([
      { issuer: issuer.url, audience: AUDIENCE, jwks_uri: `${issuer.url}/keys` },
    ]);
    const answer = await send('/whoami', { headers: bearer(await tokenOf(issuer)) }, { OIDC_ISSUERS });
    expect(answer.status).toBe(200);
  });

  test('whose clock is a few seconds off is let in', async () => {
    const issuer = await startIssuer();
    const now = Math.floor(Date.now() / 1_000);
    expect((await whoami(issuer, await tokenOf(issuer, { exp: now - 10 }))).status).toBe(200);
    expect((await whoami(issuer, await tokenOf(issuer, { nbf: now + 10 }))).status).toBe(200);
  });
});

describe('a token', () => {
  const now = () => Math.floor(Date.now() / 1_000);

  const REFUSED: [string, string, (issuer: Issuer) => Promise<string>][] = [
    ['that has expired', 'expired', (issuer) => tokenOf(issuer, { exp: now() - 60 })],
    ['that never expires', 'claims', (issuer) => tokenOf(issuer, { exp: undefined })],
    ['that is not valid yet', 'not_yet_valid', (issuer) => tokenOf(issuer, { nbf: now() + 120 })],
    ['for another audience', 'audience', (issuer) => tokenOf(issuer, { aud: 'another-app' })],
    ['for no audience', 'audience', (issuer) => tokenOf(issuer, { aud: undefined })],
    [
      'of another issuer',
      'untrusted_issuer',
      (issuer) => tokenOf(issuer, { iss: 'https://evil.example.com' }),
    ],
    ['of no issuer', 'untrusted_issuer', (issuer) => tokenOf(issuer, { iss: undefined })],
    ['without a subject', 'claims', (issuer) => tokenOf(issuer, { sub: undefined })],
    ['with an empty subject', 'claims', (issuer) => tokenOf(issuer, { sub: '' })],
    [
      'signed with a key of somebody else',
      'signature',
      async (issuer) => tokenOf(issuer, {}, {}, (await newKey('first')).privateKey),
    ],
    ['of a key that nobody lists', 'unknown_key', (issuer) => tokenOf(issuer, {}, { kid: 'unlisted' })],
    [
      'with alg none',
      'algorithm',
      async (issuer) => {
        const claims = { iss: issuer.url, aud: AUDIENCE, sub: 'user-1', exp: now() + 60 };
        return handmade({ alg: 'none' }, claims, '');
      },
    ],
    [
      'with alg HS256 and the public key as its secret',
      'algorithm',
      async (issuer) => {
        const publicKey = await importJWK(issuer.keys[0]?.jwk ?? {}, 'ES256', { extractable: true });
        if (publicKey instanceof Uint8Array) throw new Error('expected a public key');
        const secret = new TextEncoder().encode(await exportSPKI(publicKey));
        return await tokenOf(issuer, {}, { alg: 'HS256' }, secret);
      },
    ],
    [
      'whose claims were altered',
      'signature',
      async (issuer) => {
        const [header, , signature] = (await tokenOf(issuer)).split('.');
        const claims = { iss: issuer.url, aud: AUDIENCE, sub: 'somebody-else', exp: now() + 60 };
        return `${header}.${handmade({}, claims).split('.')[1]}.${signature}`;
      },
    ],
    ['that is no JWT', 'malformed', async () => 'a.b.c'],
    ['that is nothing known', 'unknown_token', async () => 'a-guess-at-the-admin-token'],
    ['that looks like a service token', 'malformed', async () => 'bst_1.short'],
    ['of a service that is none', 'unknown_token', async () => `bst_${'0'.repeat(24)}.${'A'.repeat(43)}`],
  ];

  test.each(REFUSED)('%s is a 401, and in the audit log as %s', async (_what, why, make) => {
    const issuer = await startIssuer();
    const answer = await send('/cost_centers', { headers: bearer(await make(issuer)) }, issuer.variables);
    expect(answer).toMatchObject({ status: 401, body: { error: { type: 'authentication_error' } } });
    expect((await denials())[0]).toMatchObject({
      actor: 'unauthenticated',
      target: 'GET /cost_centers',
      after: { why },
      request_id: answer.headers.get('request-id'),
    });
  });

  test('of an issuer that the deployment does not know is a 401, and nobody is asked', async () => {
    const issuer = await startIssuer();
    expect((await send('/whoami', { headers: bearer(await tokenOf(issuer)) })).status).toBe(401);
    expect(issuer.asked).toBe(0);
  });

  test('in an algorithm that is not configured is a 401', async () => {
    const issuer = await startIssuer({ algorithms: ['RS256'] });
    expect((await whoami(issuer, await tokenOf(issuer))).status).toBe(401);
    expect((await denials())[0]).toMatchObject({ after: { why: 'algorithm' } });
  });

  test('that is missing is a 401 that leaves no trace', async () => {
    const before = (await denials()).length;
    expect((await send('/whoami', {})).status).toBe(401);
    expect(await denials()).toHaveLength(before);
  });

  test('of Access does not help whoever sends a wrong one as Bearer', async () => {
    const access = await startAccess();
    const good = await tokenOf(access, { aud: ACCESS_AUD });
    const headers = { ...bearer('a-guess-at-the-admin-token'), 'cf-access-jwt-assertion': good };
    expect((await send('/whoami', { headers }, access.variables)).status).toBe(401);
  });
});

describe('a flood of forged tokens', () => {
  test('fills the audit log with ten a minute, and the next one says how many were left out', async () => {
    const flood = async (many: number) => {
      for (let each = 0; each < many; each++) await send('/whoami', { headers: bearer(`forged-${each}`) });
    };
    const before = (await denials()).length;
    await flood(25);
    expect((await denials()).length - before).toBe(10);
    vi.setSystemTime(Date.now() + 60_000);
    await flood(1);
    expect((await denials())[0]).toMatchObject({ after: { why: 'unknown_token', left_out: 15 } });
  });

  test('makes an issuer list its keys once in half a minute', async () => {
    const issuer = await startIssuer();
    for (let each = 0; each < 20; each++)
      await whoami(issuer, await tokenOf(issuer, {}, { kid: `forged-${each}` }));
    expect(issuer.asked).toBe(1);
  });
});

describe('an issuer', () => {
  test('that is away makes a call a 503 to try again, and not a 401', async () => {
    const issuer = await startIssuer();
    issuer.isAway = true;
    const token = await tokenOf(issuer);
    const answer = await whoami(issuer, token);
    expect(answer).toMatchObject({
      status: 503,
      body: { error: { type: 'api_error', message: expect.stringContaining('identity provider') } },
    });
    expect(answer.headers.get('retry-after')).toBe('2');
    issuer.isAway = false;
    vi.setSystemTime(Date.now() + 6_000);
    expect((await whoami(issuer, token)).status).toBe(200);
  });

  test('that is away is not asked again for some seconds', async () => {
    const issuer = await startIssuer();
    issuer.isAway = true;
    for (let each = 0; each < 5; each++)
      expect((await whoami(issuer, await tokenOf(issuer))).status).toBe(503);
    const asked = vi.mocked(fetch).mock.calls.filter(([url]) => String(url).startsWith(issuer.url));
    expect(asked).toHaveLength(1);
  });

  test('that is away while forged keys are looked for keeps nobody out whose key is known', async () => {
    const issuer = await startIssuer();
    expect((await whoami(issuer, await tokenOf(issuer))).status).toBe(200);
    issuer.isAway = true;
    vi.setSystemTime(Date.now() + 31_000);
    expect((await whoami(issuer, await tokenOf(issuer, {}, { kid: 'forged' }))).status).toBe(503);
    expect((await whoami(issuer, await tokenOf(issuer, {}, { kid: 'forged' }))).status).toBe(503);
    expect((await whoami(issuer, await tokenOf(issuer))).status).toBe(200);
  });

  test('whose discovery document is of another issuer is not believed', async () => {
    const issuer = await startIssuer();
    const other = await startIssuer();
    vi.mocked(fetch).mockImplementation(async () =>
      Response.json({ issuer: other.url, jwks_uri: `${other.url}/keys` }),
    );
    expect((await whoami(issuer, await tokenOf(issuer))).status).toBe(503);
  });

  test('that answers with nonsense is away', async () => {
    const issuer = await startIssuer();
    vi.mocked(fetch).mockImplementation(async () => new Response('<html>busy</html>'));
    expect((await whoami(issuer, await tokenOf(issuer))).status).toBe(503);
  });

  test('that rotates its keys is followed: the new one is found, the old one ends', async () => {
    const issuer = await startIssuer();
    const old = await tokenOf(issuer, { exp: Math.floor(Date.now() / 1_000) + 3_600 });
    expect((await whoami(issuer, old)).status).toBe(200);
    issuer.keys = [await newKey('second')];
    vi.setSystemTime(Date.now() + 31_000);
    expect((await whoami(issuer, await tokenOf(issuer))).status).toBe(200);
    expect((await whoami(issuer, old)).status).toBe(401);
    expect((await denials())[0]).toMatchObject({ after: { why: 'unknown_key' } });
  });

  test('that withdraws a key without another is followed within ten minutes', async () => {
    const issuer = await startIssuer();
    const token = await tokenOf(issuer, { exp: Math.floor(Date.now() / 1_000) + 3_600 });
    expect((await whoami(issuer, token)).status).toBe(200);
    issuer.keys = [];
    vi.setSystemTime(Date.now() + 601_000);
    expect((await whoami(issuer, token)).status).toBe(401);
  });
});

describe('Cloudflare Access', () => {
  const assertion = (token: string) => ({ 'cf-access-jwt-assertion': token });

  test('vouches for people by their e-mail', async () => {
    const access = await startAccess();
    const token = await tokenOf(access, { aud: [ACCESS_AUD], email: 'ada@example.com' });
    const answer = await send('/whoami', { headers: assertion(token) }, access.variables);
    expect(answer).toMatchObject({
      status: 200,
      body: { principal: { kind: 'person', actor: 'ada@example.com' } },
    });
  });

  test('vouches for programs by their client id', async () => {
    const access = await startAccess();
    const claims = { aud: [ACCESS_AUD], sub: '', common_name: 'e367826f93b8.access' };
    const answer = await send(
      '/whoami',
      { headers: assertion(await tokenOf(access, claims)) },
      access.variables,
    );
    expect(answer).toMatchObject({
      status: 200,
      body: { principal: { kind: 'service_token', actor: 'access:e367826f93b8.access', email: null } },
    });
  });

  test.each<[string, object]>([
    ['for another application', { aud: ['f'.repeat(64)] }],
    ['of another team', { iss: 'https://evil.cloudflareaccess.com' }],
    ['that has expired', { exp: 1_700_000_000 }],
  ])('with an assertion %s is a 401', async (_what, claims) => {
    const access = await startAccess();
    const token = await tokenOf(access, { aud: [ACCESS_AUD], ...claims });
    expect((await send('/whoami', { headers: assertion(token) }, access.variables)).status).toBe(401);
  });

  test('does not vouch in the header that is for OIDC, nor OIDC in its own', async () => {
    const [access, oidc] = [await startAccess(), await startIssuer()];
    const variables = { ...access.variables, ...oidc.variables };
    const ofAccess = await tokenOf(access, { aud: [ACCESS_AUD] });
    expect((await send('/whoami', { headers: bearer(ofAccess) }, variables)).status).toBe(401);
    const ofOidc = await tokenOf(oidc);
    expect((await send('/whoami', { headers: assertion(ofOidc) }, variables)).status).toBe(401);
  });

  test.each<[string, Record<string, string>]>([
    ['says so in sec-fetch-site', { 'sec-fetch-site': 'cross-site' }],
    ['is another subdomain', { 'sec-fetch-site': 'same-site' }],
    ['is an origin of its own', { origin: 'https://evil.example.com' }],
    ['has no origin', { origin: 'null' }],
  ])('lets no page change anything that %s', async (_what, headers) => {
    const access = await startAccess();
    await makeCostCenter(`squad-${minute}`);
    const token = await tokenOf(access, { aud: [ACCESS_AUD], email: 'ada@example.com' });
    const pause = (more: Record<string, string>) =>
      send(
        `/cost_centers/squad-${minute}/resume`,
        { method: 'POST', headers: { ...assertion(token), ...more } },
        { ...access.variables, PUBLIC_URL: 'https://bursar.example.com' },
      );
    expect(await pause(headers)).toMatchObject({
      status: 401,
      body: { error: { message: expect.stringContaining('another site') } },
    });
    expect((await pause({ origin: 'https://bursar.example.com' })).status).toBe(200);
    expect((await pause({})).status).toBe(200);
    const reading = await send(
      '/cost_centers',
      { headers: { ...assertion(token), ...headers } },
      access.variables,
    );
    expect(reading.status).toBe(200);
  });
});

test('the admin token’s use shows in the audit log', async () => {
  await makeCostCenter('bootstrap');
  const [event] = rows(await call('GET', '/audit?cost_center=bootstrap'));
  expect(event).toMatchObject({ actor: 'admin_token', action: 'cost_center.create' });
  const answer = await call('GET', '/whoami');
  expect(answer.body).toMatchObject({
    principal: { kind: 'admin_token', actor: 'admin_token' },
    roles: [{ role: 'admin', cost_center: null }],
    cost_centers: null,
  });
});
