/**
 * Whose word on people counts: Cloudflare Access (`ACCESS_TEAM_DOMAIN`, `ACCESS_AUD`) and any OpenID Connect issuer
 * (`OIDC_ISSUERS`, a JSON list), read from the deployment's variables. Errors name the variable and what was expected.
 */
import { z } from 'zod';
import { err, ok, type Result } from './result.ts';

export interface IdentityVariables {
  ACCESS_TEAM_DOMAIN?: string | undefined;
  ACCESS_AUD?: string | undefined;
  OIDC_ISSUERS?: string | undefined;
  OIDC_ALLOW_LOOPBACK?: string | undefined;
}

export interface TrustedIssuer {
  /** `access`: its tokens come in a header of their own, and name programs by `common_name`. */
  kind: 'access' | 'oidc';
  /** As the claim `iss` has it, to the letter. */
  issuer: string;
  /** A token has to be meant for one of these. */
  audience: readonly string[];
  /** Where its keys are; null: as its discovery document says. */
  jwksUri: string | null;
  /** Asymmetric ones only: a shared secret, or none, proves nothing here. */
  algorithms: readonly string[];
  /** The claim that lists groups: its name, or a path through objects with dots between. */
  groupsClaim: string;
  /** Whether keys may be fetched over http from this machine; never in a deployment. */
  allowsLoopback: boolean;
}

const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
const USUAL_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const TEAM = /^[a-z0-9-]{1,63}\.cloudflareaccess\.com$/;

/** Whether keys may be fetched from there: https, or http of this machine where that is allowed. */
export function isKeyAddress(text: string, allowsLoopback: boolean): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const isLocal = url.protocol === 'http:' && LOOPBACK.includes(url.hostname);
  const isPlain = url.username === '' && url.password === '' && url.hash === '';
  return isPlain && (url.protocol === 'https:' || (isLocal && allowsLoopback));
}

const audience = z.string().min(1).max(500);

function issuerSchema(allowsLoopback: boolean) {
  const address = z
    .string()
    .max(2_000)
    .refine((text) => isKeyAddress(text, allowsLoopback), 'expected an https address without credentials');
  return z.strictObject({
    issuer: address.refine((text) => !text.includes('?'), 'expected an address without a query'),
    audience: z.union([audience, z.array(audience).min(1).max(20)], {
      error: 'expected the audience of tokens, or a list of 1 to 20',
    }),
    jwks_uri: address.optional(),
    algorithms: z
      .array(z.enum(ALGORITHMS, { error: `expected asymmetric algorithms: ${ALGORITHMS.join(', ')}` }))
      .min(1, 'expected at least one algorithm')
      .optional(),
    groups_claim: z.string().min(1).max(200).optional(),
  });
}

/** An empty variable is an unset one. */
function given(value: string | undefined): string | null {
  const text = value?.trim() ?? '';
  return text === '' ? null : text;
}

function readAccess(variables: IdentityVariables): Result<TrustedIssuer[], string> {
  const domain = given(variables.ACCESS_TEAM_DOMAIN)?.replace(/^https:\/\//, '');
  const tags = given(variables.ACCESS_AUD);
  if (domain === undefined && tags === null) return ok([]);
  if (domain === undefined || !TEAM.test(domain)) {
    return err('ACCESS_TEAM_DOMAIN: expected "<team>.cloudflareaccess.com", because ACCESS_AUD is set');
  }
  const audiences = (tags ?? '').split(',').map((tag) => tag.trim());
  if (!audiences.every((tag) => /^[0-9a-f]{64}$/.test(tag))) {
    return err('ACCESS_AUD: expected the application’s audience tag, 64 hexadecimal digits, comma-separated');
  }
  return ok([
    {
      kind: 'access',
      issuer: `https://${domain}`,
      audience: audiences,
      jwksUri: `https://${domain}/cdn-cgi/access/certs`,
      algorithms: ['RS256'],
      groupsClaim: 'custom.groups',
      allowsLoopback: false,
    },
  ]);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readOidc(variables: IdentityVariables, allowsLoopback: boolean): Result<TrustedIssuer[], string> {
  const text = given(variables.OIDC_ISSUERS);
  if (text === null) return ok([]);
  const list = z.array(issuerSchema(allowsLoopback), { error: 'expected a JSON list of issuers' }).max(20);
  const parsed = list.safeParse(readJson(text));
  if (!parsed.success) {
    const sentences = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join('.')}: ${message}`,
    );
    return err(`OIDC_ISSUERS: ${sentences.join('; ')}`);
  }
  return ok(
    parsed.data.map((each) => ({
      kind: 'oidc',
      issuer: each.issuer,
      audience: typeof each.audience === 'string' ? [each.audience] : each.audience,
      jwksUri: each.jwks_uri ?? null,
      algorithms: each.algorithms ?? USUAL_ALGORITHMS,
      groupsClaim: each.groups_claim ?? 'groups',
      allowsLoopback,
    })),
  );
}

/** The issuers, Access first, none where none is configured; or one sentence that names every variable that is wrong. */
export function readTrustedIssuers(variables: IdentityVariables): Result<TrustedIssuer[], string> {
  const loopback = given(variables.OIDC_ALLOW_LOOPBACK);
  const problems: string[] = [];
  if (![null, 'true', 'false'].includes(loopback)) {
    problems.push('OIDC_ALLOW_LOOPBACK: expected "true" or "false"');
  }
  const [access, oidc] = [readAccess(variables), readOidc(variables, loopback === 'true')];
  if (!access.ok) problems.push(access.error);
  if (!oidc.ok) problems.push(oidc.error);
  if (!access.ok || !oidc.ok || problems.length > 0) return err(problems.join('; '));
  const issuers = [...access.value, ...oidc.value];
  if (new Set(issuers.map(({ issuer }) => issuer)).size !== issuers.length) {
    return err('OIDC_ISSUERS: expected every issuer once');
  }
  return ok(issuers);
}
