/** An identity provider: its keys, its tokens, and a network on which it answers. */
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { vi } from 'vitest';
import type { Env } from '../../../worker/bindings.ts';

export const AUDIENCE = 'bursar-admin';

interface SigningKey {
  kid: string;
  privateKey: CryptoKey;
  jwk: JWK;
}

export interface Issuer {
  url: string;
  /** The first signs; all are listed. */
  keys: SigningKey[];
  /** How often its keys were asked for. */
  asked: number;
  isAway: boolean;
  /** The variable that makes a deployment trust it. */
  variables: Partial<Env>;
}

let issuers = 0;
const network = new Map<string, () => Response>();

async function answerFromNetwork(input: RequestInfo | URL): Promise<Response> {
  const url = input instanceof Request ? input.url : String(input);
  const answer = network.get(url);
  if (!answer) throw new TypeError(`nothing answers at ${url}`);
  return answer();
}

/** Puts the issuers of this file in the place of the network; to be called before each test. */
export function connect(): void {
  vi.spyOn(globalThis, 'fetch').mockImplementation(answerFromNetwork);
}

export async function newKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

function reach(issuer: Issuer, url: string, answer: () => Response): void {
  network.set(url, () => {
    if (issuer.isAway) throw new TypeError('the network is down');
    return answer();
  });
}

function keyList(issuer: Issuer): Response {
  issuer.asked += 1;
  return Response.json({ keys: issuer.keys.map(({ jwk }) => jwk) });
}

/** An OIDC issuer that no other test knows, found by its discovery document. */
export async function startIssuer(settings: Record<string, unknown> = {}): Promise<Issuer> {
  issuers += 1;
  const url = `https://idp-${issuers}-${crypto.randomUUID().slice(0, 8)}.example.com`;
  const OIDC_ISSUERS = JSON.stringify([{ issuer: url, audience: AUDIENCE, ...settings }]);
  const keys = [await newKey('first')];
  const issuer: Issuer = { url, keys, asked: 0, isAway: false, variables: { OIDC_ISSUERS } };
  const jwksUri = `${url}/keys`;
  reach(issuer, `${url}/.well-known/openid-configuration`, () =>
    Response.json({ issuer: url, jwks_uri: jwksUri }),
  );
  reach(issuer, jwksUri, () => keyList(issuer));
  return issuer;
}

export const ACCESS_AUD = '0123456789abcdef'.repeat(4);

/** A team of Cloudflare Access that no other test knows. */
export async function startAccess(): Promise<Issuer> {
  issuers += 1;
  const team = `team-${issuers}-${crypto.randomUUID().slice(0, 8)}.cloudflareaccess.com`;
  const url = `https://${team}`;
  const variables = { ACCESS_TEAM_DOMAIN: team, ACCESS_AUD };
  const keys = [await newKey('first', 'RS256')];
  const issuer: Issuer = { url, keys, asked: 0, isAway: false, variables };
  reach(issuer, `${url}/cdn-cgi/access/certs`, () => keyList(issuer));
  return issuer;
}

/** A token that is good for a minute, but for what `claims` and `header` say; an undefined claim is left out. */
export async function tokenOf(
  issuer: Issuer,
  claims: Record<string, unknown> = {},
  header: { kid?: string; alg?: string } = {},
  key: CryptoKey | Uint8Array | undefined = issuer.keys[0]?.privateKey,
): Promise<string> {
  if (!key) throw new Error('the issuer has no key');
  const now = Math.floor(Date.now() / 1_000);
  const usual = { iss: issuer.url, aud: AUDIENCE, sub: 'user-1', iat: now, exp: now + 60 };
  const { kid = issuer.keys[0]?.kid ?? '', alg = String(issuer.keys[0]?.jwk.alg) } = header;
  return await new SignJWT({ ...usual, ...claims }).setProtectedHeader({ kid, alg }).sign(key);
}

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
