/** Policy versions that may have decided over turns: those that entries of the ledger can name. */

/**
 * SQL: whether the `policy_versions` row `p` is one, whatever state it has come to since. A canary that is over waits
 * as it did before, a version that was live once may be submitted again, and D1 follows a schedule after the wallet.
 */
export const MAY_HAVE_DECIDED = `(
  p.state IN ('scheduled', 'canary', 'live', 'retired') OR p.activated_at IS NOT NULL
  OR EXISTS (SELECT 1 FROM policy_rollouts r WHERE r.cost_center = p.cost_center AND r.version = p.version)
)`;
