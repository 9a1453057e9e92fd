/** Which versions of a policy were tried on recorded turns before they may decide. */
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import type { Database } from '../store/database.ts';
import { documentDigest } from '../store/document-digest.ts';
import { triedDigests } from '../store/dry-runs.ts';
import type { PolicyVersionRow } from '../store/policy-versions.ts';

/** Versions that do not decide yet. */
const WAITING_STATES: readonly string[] = ['draft', 'submitted', 'approved'];

const UNTRIED: PolicyProblem = {
  path: '',
  message: 'never tried on recorded turns: POST …/dry_runs',
};

/** Of these versions of a cost center, the numbers of those that no dry run succeeded with and that wait to decide. */
export async function untriedVersions(
  database: Database,
  costCenter: string,
  rows: readonly PolicyVersionRow[],
): Promise<ReadonlySet<number>> {
  const waiting = rows.filter(({ state }) => WAITING_STATES.includes(state));
  if (waiting.length === 0) return new Set();
  const digests = await Promise.all(waiting.map(({ document }) => documentDigest(document)));
  const tried = await triedDigests(database, costCenter, digests);
  return new Set(
    waiting.filter((_, index) => !tried.has(digests[index] ?? '')).map(({ version }) => version),
  );
}

/** What there is to say of a version that is one of the untried. */
export function untriedWarnings(version: number, untried: ReadonlySet<number>): PolicyProblem[] {
  return untried.has(version) ? [UNTRIED] : [];
}
