/** The tables that a Durable Object keeps in its own storage, brought to the newest version when it wakes. */

/**
 * Applies the versions that the storage does not have yet, each a list of statements, in order and each in a
 * transaction of its own; a no-op where it has them all.
 */
export function migrateObject(storage: DurableObjectStorage, versions: readonly (readonly string[])[]): void {
  const { sql } = storage;
  sql.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)');
  const row = sql
    .exec<{ version: number }>('SELECT coalesce(max(version), 0) AS version FROM schema_version')
    .one();
  versions.slice(row.version).forEach((statements, index) => {
    storage.transactionSync(() => {
      for (const statement of statements) sql.exec(statement);
      sql.exec('INSERT INTO schema_version VALUES (?)', row.version + index + 1);
    });
  });
}
