import { describe, expect, test } from 'vitest';
import { isKeyAddress, readTrustedIssuers } from '../../durable-objects/core/trusted-issuers.ts';

const AUD = '0123456789abcdef'.repeat(4);
const OKTA = { issuer: 'https://acme.okta.com', audience: 'bursar' };

function oidc(...issuers: unknown[]) {
  return { OIDC_ISSUERS: JSON.stringify(issuers) };
}

describe('trusted issuers', () => {
  test('are none where nothing is set, or only empty variables', () => {
    expect(readTrustedIssuers({})).toEqual({ ok: true, value: [] });
    const empty = { ACCESS_TEAM_DOMAIN: '', ACCESS_AUD: ' ', OIDC_ISSUERS: '', OIDC_ALLOW_LOOPBACK: '' };
    expect(readTrustedIssuers(empty)).toEqual({ ok: true, value: [] });
  });

  test.each([
    'acme.cloudflareaccess.com',
    'https://acme.cloudflareaccess.com',
  ])('are Access by the team domain %s', (domain) => {
    const read = readTrustedIssuers({ ACCESS_TEAM_DOMAIN: domain, ACCESS_AUD: `${AUD}, ${AUD}` });
    expect(read).toMatchObject({
      ok: true,
      value: [
        {
          kind: 'access',
          issuer: 'https://acme.cloudflareaccess.com',
          audience: [AUD, AUD],
          jwksUri: 'https://acme.cloudflareaccess.com/cdn-cgi/access/certs',
          algorithms: ['RS256'],
        },
      ],
    });
  });

  test('are OIDC issuers with what is usual, and with what is said', () => {
    const said = {
      ...OKTA,
      issuer: 'https://login.example.com/',
      audience: ['a', 'b'],
      jwks_uri: 'https://login.example.com/keys',
      algorithms: ['ES384'],
      groups_claim: 'realm_access.roles',
    };
    expect(readTrustedIssuers(oidc(OKTA, said))).toMatchObject({
      ok: true,
      value: [
        {
          audience: ['bursar'],
          jwksUri: null,
          algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
          groupsClaim: 'groups',
        },
        {
          audience: ['a', 'b'],
          jwksUri: 'https://login.example.com/keys',
          algorithms: ['ES384'],
          groupsClaim: 'realm_access.roles',
        },
      ],
    });
  });

  test.each<[string, Record<string, string>, string]>([
    ['a team without an audience', { ACCESS_TEAM_DOMAIN: 'acme.cloudflareaccess.com' }, 'ACCESS_AUD'],
    ['an audience without a team', { ACCESS_AUD: AUD }, 'ACCESS_TEAM_DOMAIN'],
    ['another host', { ACCESS_TEAM_DOMAIN: 'evil.example.com', ACCESS_AUD: AUD }, 'ACCESS_TEAM_DOMAIN'],
    [
      'an audience that is no tag',
      { ACCESS_TEAM_DOMAIN: 'acme.cloudflareaccess.com', ACCESS_AUD: 'x' },
      'ACCESS_AUD',
    ],
    ['no JSON', { OIDC_ISSUERS: 'acme' }, 'OIDC_ISSUERS: expected a JSON list'],
    ['no list', { OIDC_ISSUERS: '{}' }, 'OIDC_ISSUERS: expected a JSON list'],
    ['an issuer without an audience', oidc({ issuer: OKTA.issuer }), '0.audience'],
    ['no audience at all', oidc({ ...OKTA, audience: [] }), '0.audience'],
    ['an unknown field', oidc({ ...OKTA, jwks: [] }), 'jwks'],
    ['http', oidc({ ...OKTA, issuer: 'http://acme.okta.com' }), '0.issuer'],
    ['loopback, not allowed', oidc({ ...OKTA, issuer: 'http://127.0.0.1:9000' }), '0.issuer'],
    [
      'http elsewhere, though loopback is allowed',
      { ...oidc({ ...OKTA, issuer: 'http://10.0.0.1' }), OIDC_ALLOW_LOOPBACK: 'true' },
      '0.issuer',
    ],
    ['an issuer with a query', oidc({ ...OKTA, issuer: 'https://acme.okta.com/?a=b' }), '0.issuer'],
    ['keys over http', oidc({ ...OKTA, jwks_uri: 'http://acme.okta.com/keys' }), '0.jwks_uri'],
    ['no signature', oidc({ ...OKTA, algorithms: ['none'] }), '0.algorithms'],
    ['a shared secret', oidc({ ...OKTA, algorithms: ['RS256', 'HS256'] }), '0.algorithms'],
    ['no algorithm', oidc({ ...OKTA, algorithms: [] }), '0.algorithms'],
    ['one issuer twice', oidc(OKTA, { ...OKTA, audience: 'other' }), 'every issuer once'],
    ['a switch that is neither', { OIDC_ALLOW_LOOPBACK: 'yes' }, 'OIDC_ALLOW_LOOPBACK'],
  ])('are refused with %s', (_what, variables, named) => {
    const read = readTrustedIssuers(variables);
    expect(read).toMatchObject({ ok: false, error: expect.stringContaining(named) });
  });

  test('on this machine are taken over http where that is allowed', () => {
    const local = { ...OKTA, issuer: 'http://127.0.0.1:9000' };
    expect(readTrustedIssuers({ ...oidc(local), OIDC_ALLOW_LOOPBACK: 'true' })).toMatchObject({
      ok: true,
      value: [{ issuer: 'http://127.0.0.1:9000', allowsLoopback: true }],
    });
    expect(isKeyAddress('http://127.0.0.1.example.com/keys', true)).toBe(false);
    expect(isKeyAddress('https://user:secret@example.com/keys', true)).toBe(false);
  });
});
