/**
 * The public keys of identity providers, kept per isolate. A key that is not known is looked for at the issuer, at most
 * every 30 s; one that the issuer withdrew is good for 10 minutes more at most. An issuer that did not answer is left
 * alone for a few seconds, so that forged tokens cannot make Bursar call it without end.
 */
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { isKeyAddress, type TrustedIssuer } from '../../durable-objects/core/trusted-issuers.ts';

const TIMEOUT_MS = 5_000;
const COOLDOWN_MS = 30_000;
const KEPT_MS = 600_000;
const LEFT_ALONE_MS = 5_000;

/** The issuer's keys cannot be had now, so that nobody can tell whether a token is good. */
export class IssuerAway extends Error {}

type RemoteKeySet = ReturnType<typeof createRemoteJWKSet>;

/** By issuer and address: what an isolate knows of where its keys are, and when it last did not answer. */
const addresses = new Map<string, URL>();
const keySets = new Map<string, RemoteKeySet>();
const failures = new Map<string, number>();

async function discover({ issuer, allowsLoopback }: TrustedIssuer): Promise<URL> {
  const known = addresses.get(issuer);
  if (known) return known;
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    headers: { accept: 'application/json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status !== 200) throw new Error(`its discovery document answered ${response.status}`);
  const document = Object(await response.json());
  if (document.issuer !== issuer) throw new Error('its discovery document is of another issuer');
  const address: unknown = document.jwks_uri;
  if (typeof address !== 'string' || !isKeyAddress(address, allowsLoopback)) {
    throw new Error('its discovery document names no https jwks_uri');
  }
  const url = new URL(address);
  addresses.set(issuer, url);
  return url;
}

async function keySetOf(issuer: TrustedIssuer): Promise<RemoteKeySet> {
  const url = issuer.jwksUri === null ? await discover(issuer) : new URL(issuer.jwksUri);
  const known = keySets.get(url.href);
  if (known) return known;
  const keySet = createRemoteJWKSet(url, {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: KEPT_MS,
  });
  keySets.set(url.href, keySet);
  return keySet;
}

/** What the key set says about a token, and not about the way to the issuer. */
function isOfToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

/** Of an issuer that did not answer a moment ago: what is known still holds, and what is not has to wait. */
async function knownKey(issuer: TrustedIssuer, ...[header, token]: Parameters<JWTVerifyGetKey>) {
  const url = issuer.jwksUri ?? addresses.get(issuer.issuer)?.href;
  const keySet = url === undefined ? undefined : keySets.get(new URL(url).href);
  const keys = keySet?.fresh ? keySet.jwks() : undefined;
  if (!keys) throw new IssuerAway(`the keys of ${issuer.issuer} could not be had a moment ago`);
  try {
    return await createLocalJWKSet(keys)(header, token);
  } catch (cause) {
    throw new IssuerAway(`a key of ${issuer.issuer} could not be looked for a moment ago`, { cause });
  }
}

/** The key that a token says it was signed with. Rejects with `IssuerAway` where the issuer's keys cannot be had. */
export function keysOf(issuer: TrustedIssuer): JWTVerifyGetKey {
  return async (header, token) => {
    const failedAt = failures.get(issuer.issuer);
    if (failedAt !== undefined && Math.abs(Date.now() - failedAt) < LEFT_ALONE_MS) {
      return await knownKey(issuer, header, token);
    }
    try {
      const keySet = await keySetOf(issuer);
      return await keySet(header, token);
    } catch (error) {
      if (isOfToken(error)) throw error;
      failures.set(issuer.issuer, Date.now());
      throw new IssuerAway(`the keys of ${issuer.issuer} cannot be had: ${String(error)}`, { cause: error });
    }
  };
}
