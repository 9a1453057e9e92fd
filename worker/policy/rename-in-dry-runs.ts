/** Puts a pseudonym in the place of a developer who left, in dry runs: their events first, then their results. */
import type { Renaming } from '../../durable-objects/core/pseudonym.ts';
import type { Bindings } from '../bindings.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import { openDatabase } from '../store/database.ts';
import { listWithEvents, renameInResults } from '../store/dry-run-names.ts';
import { askDryRun } from './dry-runs.ts';

const AT_ONCE = 20;

/**
 * In the cost centers given; call it after the ledger was renamed, which replays under way read anew. False where an
 * object did not answer: send the call again. Rejects where D1 is away.
 */
export async function renameInDryRuns(
  bindings: Pick<Bindings, 'db' | 'dryRuns'>,
  owners: readonly Pick<CostCenter, 'id' | 'jurisdiction'>[],
  renaming: Renaming,
): Promise<boolean> {
  const database = openDatabase(bindings.db);
  for (const owner of owners) {
    const ids = await listWithEvents(database, owner.id);
    for (let done = 0; done < ids.length; done += AT_ONCE) {
      const asked = ids
        .slice(done, done + AT_ONCE)
        .map((id) => askDryRun(bindings, { id }, owner, (job) => job.rename(renaming)));
      if ((await Promise.all(asked)).includes(null)) return false;
    }
  }
  await renameInResults(database, renaming);
  return true;
}
