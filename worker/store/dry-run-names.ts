/** The name of a developer who left, in what came of dry runs. */
import { and, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { Renaming } from '../../durable-objects/core/pseudonym.ts';
import type { Database } from './database.ts';
import { dryRunDrafts, dryRuns } from './dry-run-tables.ts';

/** The fields of a result that name developers, as migrations/0018_dry_runs.sql has them. */
const FIELDS = ['"developer":', '"subject":'];

/** Whether a result names the developer. */
export function isNamedInResult(developer: string): SQL {
  const places = FIELDS.map((field) => sql`coalesce(instr(result, ${field} || json_quote(${developer})), 0)`);
  return sql`${sql.join(places, sql` + `)} > 0`;
}

/** Renames in every result. Rejects where D1 is away. */
export async function renameInResults(database: Database, { developer, pseudonym }: Renaming): Promise<void> {
  const renamed = FIELDS.reduce<SQL>(
    (text, field) =>
      sql`replace(${text}, ${field} || json_quote(${developer}), ${field} || json_quote(${pseudonym}))`,
    sql.raw('result'),
  );
  await database.update(dryRunDrafts).set({ result: renamed }).where(isNamedInResult(developer));
}

/** The dry runs of a cost center whose objects keep, or will keep, events. */
export async function listWithEvents(database: Database, costCenter: string): Promise<string[]> {
  const rows = await database
    .select({ id: dryRuns.id })
    .from(dryRuns)
    .where(
      and(
        eq(dryRuns.costCenter, costCenter),
        isNull(dryRuns.emptiedAt),
        or(isNull(dryRuns.finishedAt), eq(dryRuns.status, 'succeeded')),
      ),
    );
  return rows.map(({ id }) => id);
}
