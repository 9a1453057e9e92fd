/**
 * What the Models API last said of each model, as kept in D1. An hourly look that finds nothing new writes
 * nothing but, once a day, when each model was last seen.
 */
import { asc, sql } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import {
  changedLifecycles,
  LIFECYCLES,
  type ModelLifecycle,
} from '../../durable-objects/core/catalogue/lifecycles.ts';
import { type Act, commitAct } from './audit-chain.ts';
import type { Authorship } from './change.ts';
import type { Database } from './database.ts';
import { costCenters } from './tables.ts';

const SEEN_EVERY_MS = 86_400_000;

const modelLifecycles = sqliteTable('model_lifecycles', {
  model: text().primaryKey(),
  lifecycle: text({ enum: LIFECYCLES }).notNull(),
  deprecatedAt: text('deprecated_at'),
  retiresAt: text('retires_at'),
  maxInputTokens: integer('max_input_tokens'),
  maxTokens: integer('max_tokens'),
  capabilities: text().notNull(),
  changedAt: text('changed_at').notNull(),
  seenAt: text('seen_at').notNull(),
});

type Row = typeof modelLifecycles.$inferSelect;

/** What is kept of a model. */
export interface SeenModel extends ModelLifecycle {
  deprecatedAtMs: number | null;
  maxInputTokens: number | null;
  maxTokens: number | null;
  capabilities: Record<string, unknown> | null;
}

/** What saving came to. */
export interface SavedModels {
  /** Whether anything was written, if only that the models were seen. */
  written: boolean;
  /** Those whose lifecycle or date of retirement changed: wallets have a new revision to pull. */
  turned: ModelLifecycle[];
}

/** In order of their names. */
export async function readModelLifecycles(database: Database): Promise<ModelLifecycle[]> {
  const rows = await database.select().from(modelLifecycles).orderBy(asc(modelLifecycles.model));
  return rows.map(toLifecycle);
}

function toLifecycle({ model, lifecycle, retiresAt }: Row): ModelLifecycle {
  return { model, lifecycle, retiresAtMs: retiresAt === null ? null : Date.parse(retiresAt) };
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** JSON with every object's keys in order: the API may list the same capabilities in another one. */
function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    each instanceof Object && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

function toRow(seen: SeenModel, at: string): Row {
  return {
    model: seen.model,
    lifecycle: seen.lifecycle,
    deprecatedAt: isoOrNull(seen.deprecatedAtMs),
    retiresAt: isoOrNull(seen.retiresAtMs),
    maxInputTokens: seen.maxInputTokens,
    maxTokens: seen.maxTokens,
    capabilities: stableJson(seen.capabilities),
    changedAt: at,
    seenAt: at,
  };
}

function isSame(a: Row, b: Row): boolean {
  const what = ({ changedAt: _, seenAt: __, ...rest }: Row) => stableJson(rest);
  return what(a) === what(b);
}

function viewOfLifecycle({ model, lifecycle, retiresAtMs }: ModelLifecycle) {
  return { model, lifecycle, retires_at: isoOrNull(retiresAtMs) };
}

/** What the audit log says of models that turned. */
function actOfTurning(before: readonly ModelLifecycle[], turned: readonly ModelLifecycle[]): Act {
  const names = new Set(turned.map(({ model }) => model));
  return {
    action: 'models.turn',
    costCenter: null,
    target: 'model_lifecycles',
    before: before.filter(({ model }) => names.has(model)).map(viewOfLifecycle),
    after: turned.map(viewOfLifecycle),
  };
}

/**
 * Keeps what was seen. One batch: either every wallet will hear of a change or nothing is changed. Models that
 * were not seen stay as they are. Rejects where D1 is away.
 */
export async function saveSeenModels(
  database: Database,
  seen: readonly SeenModel[],
  authorship: Authorship,
): Promise<SavedModels> {
  const { at } = authorship;
  const known = new Map((await database.select().from(modelLifecycles)).map((row) => [row.model, row]));
  const rows = seen.map((each) => toRow(each, at));
  const changed = rows.filter((row) => {
    const present = known.get(row.model);
    return !present || !isSame(present, row);
  });
  const before = [...known.values()].map(toLifecycle);
  const turned = changedLifecycles(before, changed.map(toLifecycle));
  const statements: BatchItem<'sqlite'>[] = changed.map(({ model, ...columns }) =>
    database
      .insert(modelLifecycles)
      .values({ model, ...columns })
      .onConflictDoUpdate({ target: modelLifecycles.model, set: columns }),
  );
  const seenLong = rows.filter(({ model }) => isSeenLongAgo(known.get(model), at)).map(({ model }) => model);
  if (seenLong.length > 0) {
    const names = sql`(SELECT value FROM json_each(${JSON.stringify(seenLong)}))`;
    statements.push(
      database.update(modelLifecycles).set({ seenAt: at }).where(sql`${modelLifecycles.model} IN ${names}`),
    );
  }
  if (turned.length > 0) {
    // Every wallet gets a revision to pull.
    statements.push(database.update(costCenters).set({ revision: sql`${costCenters.revision} + 1` }));
    const act = actOfTurning(before, turned);
    await commitAct(database, { act, authorship, provided: sql`TRUE`, statements });
    return { written: true, turned };
  }
  const [first, ...rest] = statements;
  if (!first) return { written: false, turned: [] };
  await database.batch([first, ...rest]);
  return { written: true, turned: [] };
}

function isSeenLongAgo(present: Row | undefined, at: string): boolean {
  return present !== undefined && Date.parse(at) - Date.parse(present.seenAt) >= SEEN_EVERY_MS;
}
