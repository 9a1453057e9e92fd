/**
 * Who makes a request, and what they may do: by the admin token, a service token, an issuer's JWT as Bearer, or the
 * assertion of Cloudflare Access. Where there is an `Authorization: Bearer`, that alone counts.
 */
import { isAdmin } from '../../auth/admin.ts';
import { type Refusal, type Vouched, verifyAssertion } from '../../auth/assertion.ts';
import { type Grant, grantOf, grantsOfScopes, isRole, withoutPersonal } from '../../auth/permissions.ts';
import { ADMIN_TOKEN_PRINCIPAL, type Principal } from '../../auth/principal.ts';
import { isSecretOf, readServiceToken } from '../../auth/service-token.ts';
import type { Bindings } from '../../bindings.ts';
import { type Database, openDatabase } from '../../store/database.ts';
import { rolesOf } from '../../store/role-bindings.ts';
import { findServiceToken } from '../../store/service-tokens.ts';

export interface Caller {
  principal: Principal;
  grants: readonly Grant[];
}

/** Somebody who proved nothing: `missing` where there was no credential at all. */
export interface Stranger {
  refusal: Refusal | 'missing';
}

const ADMIN_TOKEN_CALLER: Caller = {
  principal: ADMIN_TOKEN_PRINCIPAL,
  grants: [grantOf('admin', null)],
};

/** A browser sends the Access cookie along with what another site makes it ask for; it says so, too. */
function isFromAnotherSite(request: Request, publicUrl: string | null): boolean {
  if (['GET', 'HEAD'].includes(request.method)) return false;
  const site = request.headers.get('sec-fetch-site');
  const origin = request.headers.get('origin');
  if (site !== null && !['same-origin', 'none'].includes(site)) return true;
  return origin !== null && origin !== new URL(request.url).origin && origin !== publicUrl;
}

async function callerOfToken(
  database: Database,
  { id, secret }: { id: string; secret: string },
): Promise<Caller | Stranger> {
  const token = await findServiceToken(database, id);
  if (!token || !(await isSecretOf(secret, token.secretSha256))) return { refusal: 'unknown_token' };
  if (token.revokedAt !== null) return { refusal: 'revoked' };
  if (token.expiresAt !== null && Date.parse(token.expiresAt) <= Date.now()) return { refusal: 'expired' };
  const principal: Principal = {
    kind: 'service_token',
    actor: `service:${token.name}`,
    issuer: null,
    subject: id,
    email: null,
  };
  return { principal, grants: withoutPersonal(grantsOfScopes(token.scopes, token.costCenters)) };
}

async function callerOfVouched(database: Database, { principal, groups }: Vouched): Promise<Caller> {
  const { issuer, subject, email } = principal;
  const claims = { issuer: issuer ?? '', subject: subject ?? '', email, groups };
  // A role that the table does not know allows nothing.
  const grants = (await rolesOf(database, claims)).flatMap(({ role, costCenter }) =>
    isRole(role) ? [grantOf(role, costCenter)] : [],
  );
  return { principal, grants: principal.kind === 'person' ? grants : withoutPersonal(grants) };
}

/**
 * The caller, or why the credential proves nothing. Rejects with `IssuerAway` where an issuer's keys cannot be had,
 * and as D1 does where it is away.
 */
export async function callerOf(request: Request, bindings: Bindings): Promise<Caller | Stranger> {
  const { headers } = request;
  if (await isAdmin(headers, bindings.adminToken)) return ADMIN_TOKEN_CALLER;
  const database = openDatabase(bindings.db);
  const [, bearer] = /^bearer +(\S+) *$/i.exec(headers.get('authorization') ?? '') ?? [];
  if (bearer?.startsWith('bst_')) {
    const token = readServiceToken(bearer);
    return token ? await callerOfToken(database, token) : { refusal: 'malformed' };
  }
  const assertion = bearer ?? headers.get('cf-access-jwt-assertion');
  if (!assertion) return { refusal: 'missing' };
  const kind = bearer === undefined ? 'access' : 'oidc';
  const issuers = bindings.trustedIssuers.filter((each) => each.kind === kind);
  if (kind === 'oidc' && assertion.split('.').length !== 3) return { refusal: 'unknown_token' };
  if (kind === 'access' && isFromAnotherSite(request, bindings.publicUrl)) return { refusal: 'cross_site' };
  const vouched = await verifyAssertion(assertion, issuers);
  return typeof vouched === 'string' ? { refusal: vouched } : await callerOfVouched(database, vouched);
}
