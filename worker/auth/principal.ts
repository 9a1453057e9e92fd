/** Who calls the admin API, once that was proven. */

export interface Principal {
  /** The bootstrap token, a person with an identity provider's word for it, or a program with a token of its own. */
  kind: 'admin_token' | 'person' | 'service_token';
  /**
   * As the audit log names them: `admin_token`, a person's e-mail in lower case where it was verified (else
   * `<issuer>|<subject>`), `service:<name>`, `access:<client id>`. The same person has the same one at every call, and
   * no two have the same.
   */
  actor: string;
  /** The identity provider's words; null where there is none. */
  issuer: string | null;
  subject: string | null;
  /** In lower case; null where the issuer does not vouch for it. */
  email: string | null;
}

/** Whoever has the `ADMIN_TOKEN`. */
export const ADMIN_TOKEN_PRINCIPAL: Principal = {
  kind: 'admin_token',
  actor: 'admin_token',
  issuer: null,
  subject: null,
  email: null,
};

/**
 * An e-mail as it is compared: A to Z in lower case, as SQLite has it. Unicode's lower case would make one address of two
 * (the Kelvin sign's is `k`), and give somebody the rights of another.
 */
export function foldEmail(email: string): string {
  return email.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** No actor that is known by anything else has this form. */
export const EMAIL = /^[^\s@|:]+@[^\s@|:]+$/;

/**
 * Whether a caller is, or may well be, whom the audit log names `actor`. A person chooses whether their token has an
 * e-mail in it: one with and one without are two names for them, and without one nobody can tell whose e-mail it is not.
 */
export function mayBe({ kind, actor, issuer, subject, email }: Principal, named: string): boolean {
  if (named === actor) return true;
  if (kind !== 'person') return false;
  return named === `${issuer}|${subject}` || (email === null && EMAIL.test(named));
}
