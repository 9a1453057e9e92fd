/**
 * The local D1 database, brought up to date without a wrangler process (which takes longer than all the rest of
 * a start). The books are kept as wrangler keeps them, so that `wrangler d1 migrations` agrees with them.
 */
import { readdir, readFile } from 'node:fs/promises';
import { unstable_splitSqlQuery } from 'wrangler';
import { z } from 'zod';
import { projectPath } from '../project.ts';

/** The part of a D1 binding that this needs. */
export interface MigratedDatabase {
  prepare(sql: string): { bind(...values: unknown[]): Statement } & Statement;
  batch(statements: Statement[]): Promise<unknown>;
}
interface Statement {
  all(): Promise<{ results: unknown[] }>;
}

const BOOKS = `CREATE TABLE IF NOT EXISTS "d1_migrations" (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/** Applies, in the order of their numbers and each whole or not at all, the migrations that are not in the books yet. */
export async function migrate(database: MigratedDatabase): Promise<void> {
  await database.prepare(BOOKS).all();
  const { results } = await database.prepare('SELECT name FROM d1_migrations').all();
  const applied = new Set(results.map((row) => z.object({ name: z.string() }).parse(row).name));
  const names = (await readdir(projectPath('migrations'))).filter((name) => name.endsWith('.sql')).sort();
  for (const name of names.filter((each) => !applied.has(each))) {
    const sql = await readFile(projectPath(`migrations/${name}`), 'utf8');
    const note = database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name);
    await database.batch([...unstable_splitSqlQuery(sql).map((query) => database.prepare(query)), note]);
  }
}
