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
