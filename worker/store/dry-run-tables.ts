/** The tables of migration 0018, as drizzle sees them. */
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';

export const DRY_RUN_STATUSES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;

export const dryRuns = sqliteTable('dry_runs', {
  id: text().primaryKey(),
  costCenter: text('cost_center').notNull(),
  digest: text().notNull(),
  fromAt: text('from_at').notNull(),
  toAt: text('to_at').notNull(),
  seedStanding: integer('seed_standing', { mode: 'boolean' }).notNull(),
  livePolicyVersion: integer('live_policy_version'),
  status: text({ enum: DRY_RUN_STATUSES }).notNull(),
  error: text(),
  rowsDone: integer('rows_done').notNull(),
  rowsTotal: integer('rows_total'),
  createdAt: text('created_at').notNull(),
  startedAt: text('started_at'),
  finishedAt: text('finished_at'),
  emptiedAt: text('emptied_at'),
});

export const dryRunDrafts = sqliteTable(
  'dry_run_drafts',
  {
    dryRun: text('dry_run').notNull(),
    position: integer().notNull(),
    name: text().notNull(),
    version: integer(),
    document: text({ mode: 'json' }).$type<unknown>().notNull(),
    digest: text().notNull(),
    warnings: text({ mode: 'json' }).$type<PolicyProblem[]>().notNull(),
    result: text({ mode: 'json' }).$type<unknown>(),
  },
  (table) => [primaryKey({ columns: [table.dryRun, table.position] })],
);
