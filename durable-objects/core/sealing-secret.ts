/** One of `KEY_SECRETS`, from which the keys for secrets at rest and signed links are derived (ledger/sealed). */
export interface SealingSecret {
  /** A positive integer, unique in the list; it stands in all that was sealed or signed with it. */
  generation: number;
  secret: string;
}
