/** What is done about dry runs by the clock: those nobody started are, and old ones are emptied. */
import type { Bindings } from '../bindings.ts';
import { jurisdictionsOf } from '../store/cost-centers.ts';
import { openDatabase } from '../store/database.ts';
import { type DryRun, listKept, listUnfinished, markEmptied } from '../store/dry-runs.ts';
import { askDryRun } from './dry-runs.ts';

/** Whoever asked for it starts it; after this somebody has to do it for them. */
const STARTED_WITHIN_MS = 60_000;
/** Events are kept for so long after a dry run is over; its result for good. */
const KEPT_MS = 90 * 86_400_000;
/** In one run, of each; D1 takes 100 parameters a statement. */
const A_RUN = 50;

/** At `nowMs` (epoch ms). Rejects where D1 is away. */
export async function keepDryRuns(bindings: Pick<Bindings, 'db' | 'dryRuns'>, nowMs: number): Promise<void> {
  const database = openDatabase(bindings.db);
  const before = (ms: number) => new Date(nowMs - ms).toISOString();
  const unfinished = await listUnfinished(database, before(STARTED_WITHIN_MS), A_RUN);
  const old = await listKept(database, before(KEPT_MS), A_RUN);
  const owners = [...new Set([...unfinished, ...old].map(({ costCenter }) => costCenter))];
  const jurisdictions = await jurisdictionsOf(database, owners);
  const ownerOf = ({ costCenter }: DryRun) => ({ jurisdiction: jurisdictions.get(costCenter) ?? null });
  for (const row of unfinished) await askDryRun(bindings, row, ownerOf(row), (job) => job.start(row.id));
  for (const row of old) {
    const isEmpty = await askDryRun(bindings, row, ownerOf(row), (job) => job.empty());
    if (isEmpty) await markEmptied(database, row.id, new Date(nowMs).toISOString());
  }
}
