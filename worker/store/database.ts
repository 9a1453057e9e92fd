/** D1 behind drizzle, and what can go wrong with it that is no bug. */
import { DrizzleQueryError, type SQL } from 'drizzle-orm';
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';
import { SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core';

export type Database = DrizzleD1Database;

export function openDatabase(db: D1Database): Database {
  return drizzle(db);
}

const DIALECT = new SQLiteAsyncDialect();

/** A query of drizzle's as D1's own statement: drizzle's batch takes no raw query with parameters. */
export function statementOf(db: D1Database, query: SQL): D1PreparedStatement {
  const { sql, params } = DIALECT.sqlToQuery(query);
  return db.prepare(sql).bind(...params);
}

function* causesOf(error: unknown): Generator<Error> {
  for (let each = error; each instanceof Error; each = each.cause) yield each;
}

/**
 * Whether an error of a query means that D1 could not be reached or could not answer. A statement SQLite itself
 * refuses (its message then ends in a code of SQLite) is a bug, or a constraint the caller handles.
 */
export function isDatabaseAway(error: unknown): boolean {
  const causes = [...causesOf(error)];
  const isOfDatabase = causes.some(
    (each) => each instanceof DrizzleQueryError || each.message.startsWith('D1_'),
  );
  return isOfDatabase && !causes.some((each) => /SQLITE_(ERROR|CONSTRAINT|MISMATCH)/.test(each.message));
}

/** Whether SQLite refused a statement because of this constraint ("UNIQUE constraint failed: cost_centers.id"). */
export function violates(error: unknown, constraint: string): boolean {
  return [...causesOf(error)].some((each) => each.message.includes(constraint));
}
