/** Policy versions as they are kept, with every column that there is: for exports that leave nothing out. */

export interface WholeVersion {
  version: number;
  /** By name; JSON columns as what they hold. */
  columns: Record<string, unknown>;
}

/** Documents are up to some 100 KB each. */
const PAGE_VERSIONS = 20;
const JSON_COLUMNS = ['document', 'warnings', 'signed', 'authors', 'guards'];

/** The next versions of a cost center after `after`, in order. */
export async function readWholeVersions(
  db: D1Database,
  costCenter: string,
  after: number,
): Promise<WholeVersion[]> {
  const query =
    'SELECT * FROM policy_versions WHERE cost_center = ? AND version > ? ORDER BY version LIMIT ?';
  const { results } = await db
    .prepare(query)
    .bind(costCenter, after, PAGE_VERSIONS)
    .all<Record<string, unknown> & { version: number }>();
  return results.map((row) => ({
    version: row.version,
    columns: Object.fromEntries(Object.entries(row).map(([name, value]) => [name, readColumn(name, value)])),
  }));
}

function readColumn(column: string, value: unknown): unknown {
  return JSON_COLUMNS.includes(column) && typeof value === 'string' ? JSON.parse(value) : value;
}
