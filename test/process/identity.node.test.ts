import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GatewayProcess, runFailingStart, startGatewayProcess } from './gateway-process.ts';

const AUDIENCE = 'bursar';
const ADMIN_TOKEN = 'admin-token-of-the-identity-test';

let stateDir: string;
let server: Server;
let issuer: string;
let gateway: GatewayProcess;
let privateKey: CryptoKey;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'bursar-identity-'));
  const pair = await generateKeyPair('RS256');
  privateKey = pair.privateKey;
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'only', alg: 'RS256' };
  server = createServer((request, response) => {
    const found = request.url === '/keys' ? { keys: [jwk] } : { issuer, jwks_uri: `${issuer}/keys` };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(found));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const OIDC_ISSUERS = JSON.stringify([{ issuer, audience: AUDIENCE }]);
  gateway = await startGatewayProcess({
    stateDir,
    env: { ADMIN_TOKEN, OIDC_ISSUERS, OIDC_ALLOW_LOOPBACK: 'true' },
  });
});

afterAll(async () => {
  await gateway.end('SIGINT');
  server.close();
  await rm(stateDir, { recursive: true, force: true });
});

async function get(path: string, email: string): Promise<Response> {
  const token = await new SignJWT({ email })
    .setProtectedHeader({ alg: 'RS256', kid: 'only' })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setSubject(email)
    .setExpirationTime('1m')
    .sign(privateKey);
  return await fetch(`${gateway.url}/admin/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
}

describe('npm start with an issuer on this machine', () => {
  test('lets the demo team’s manager read their own cost center, and no list of role bindings', async () => {
    const own = await get('/cost_centers/platform-squad', 'Manager@example.com');
    expect(own.status).toBe(200);
    expect((await get('/role_bindings', 'manager@example.com')).status).toBe(403);
    expect((await get('/cost_centers/platform-squad', 'nobody@example.com')).status).toBe(403);
  });

  test('still takes the admin token', async () => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const answer = await fetch(`${gateway.url}/admin/v1/audit?limit=10`, { headers });
    expect(answer.status).toBe(200);
    const { data } = (await answer.json()) as { data: { action: string; actor: string }[] };
    expect(data.filter(({ action }) => action === 'access.denied').map(({ actor }) => actor)).toEqual([
      'nobody@example.com',
      'manager@example.com',
    ]);
  });

  test('does not start where nobody allowed such an issuer', async () => {
    const OIDC_ISSUERS = JSON.stringify([{ issuer, audience: AUDIENCE }]);
    const failed = await runFailingStart({ stateDir: join(stateDir, 'other'), env: { OIDC_ISSUERS } });
    expect(failed).toMatchObject({ code: 1, error: expect.stringContaining('OIDC_ISSUERS: 0.issuer') });
  });
});
