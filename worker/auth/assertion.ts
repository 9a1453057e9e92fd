/**
 * What an identity provider says of a caller: a JWT, checked against the issuers that the deployment trusts. Only what
 * was signed by the issuer's own key, for this audience and for now, says anything.
 */
import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import type { TrustedIssuer } from '../../durable-objects/core/trusted-issuers.ts';
import { keysOf } from './issuer-keys.ts';
import { EMAIL, foldEmail, type Principal } from './principal.ts';

/** Why a credential proves nothing; a word for the audit log. */
export type Refusal =
  | 'malformed'
  | 'untrusted_issuer'
  | 'algorithm'
  | 'unknown_key'
  | 'signature'
  | 'expired'
  | 'not_yet_valid'
  | 'audience'
  | 'claims'
  | 'unknown_token'
  | 'revoked'
  | 'cross_site';

/** Somebody whom an issuer vouches for, and the groups it says they are in. */
export interface Vouched {
  principal: Principal;
  groups: readonly string[];
}

/** Longer than any token that fits into a request's headers and is meant. */
const MAX_LENGTH = 16_384;
/** Clocks differ. */
const TOLERANCE_S = 30;
const MAX_GROUPS = 500;
/** Of a subject, a group's name, an e-mail. */
const MAX_TEXT = 320;

function refusalOf(error: unknown): Refusal | null {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported)
    return 'algorithm';
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return 'unknown_key';
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf' && error.reason === 'check_failed') return 'not_yet_valid';
    return error.claim === 'aud' ? 'audience' : 'claims';
  }
  return error instanceof errors.JOSEError ? 'malformed' : null;
}

/** The value at a claim: by its very name, else along the dots in it. */
function claimAt(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  return name.split('.').reduce<unknown>((value, part) => {
    const within = Object(value);
    return Object.hasOwn(within, part) ? within[part] : undefined;
  }, payload);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT ? value : null;
}

function groupsOf(payload: JWTPayload, claim: string): string[] {
  const value = claimAt(payload, claim);
  const listed: unknown[] = Array.isArray(value) ? value : [value];
  const groups = listed.map(textOf).filter((each) => each !== null);
  return [...new Set(groups)].slice(0, MAX_GROUPS);
}

/** Case is no difference in an e-mail. One that the issuer says it did not verify is nobody's. */
function emailOf(payload: JWTPayload): string | null {
  const verified = payload.email_verified;
  const email = foldEmail(textOf(payload.email)?.trim() ?? '');
  const counts = verified === undefined || verified === true || verified === 'true';
  return counts && EMAIL.test(email) ? email : null;
}

/** Null where the token names nobody. */
function vouchedOf(payload: JWTPayload, { kind, issuer, groupsClaim }: TrustedIssuer): Vouched | null {
  const subject = textOf(payload.sub);
  const program = kind === 'access' && subject === null ? textOf(payload.common_name) : null;
  if (program !== null) {
    const principal: Principal = {
      kind: 'service_token',
      actor: `access:${program}`,
      issuer,
      subject: program,
      email: null,
    };
    return { principal, groups: [] };
  }
  if (subject === null) return null;
  const email = emailOf(payload);
  const actor = email ?? `${issuer}|${subject}`;
  return {
    principal: { kind: 'person', actor, issuer, subject, email },
    groups: groupsOf(payload, groupsClaim),
  };
}

/**
 * Whom a token vouches for, or why it does not. Rejects with `IssuerAway` where the issuer's keys cannot be had, so
 * that nobody can tell.
 */
export async function verifyAssertion(
  token: string,
  issuers: readonly TrustedIssuer[],
): Promise<Vouched | Refusal> {
  if (token.length > MAX_LENGTH) return 'malformed';
  try {
    const claimed = decodeJwt(token).iss;
    const issuer = issuers.find((each) => each.issuer === claimed);
    if (!issuer) return 'untrusted_issuer';
    const { payload } = await jwtVerify(token, keysOf(issuer), {
      issuer: issuer.issuer,
      audience: [...issuer.audience],
      algorithms: [...issuer.algorithms],
      requiredClaims: ['exp'],
      clockTolerance: TOLERANCE_S,
    });
    return vouchedOf(payload, issuer) ?? 'claims';
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    return refusal;
  }
}
