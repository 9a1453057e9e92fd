/** The tables of migration 0019, as drizzle sees them. */
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { GuardSignal } from '../../durable-objects/core/guards/signals.ts';
import type { TripEvidence } from '../../durable-objects/ledger/policy-trip.ts';

export const policyRollouts = sqliteTable('policy_rollouts', {
  id: text().primaryKey(),
  costCenter: text('cost_center').notNull(),
  version: integer().notNull(),
  kind: text({ enum: ['canary', 'live'] }).notNull(),
  /** Of a canary. */
  shareMillionths: integer('share_millionths'),
  baseVersion: integer('base_version').notNull(),
  /** The signals that are watched. */
  guards: text({ mode: 'json' }).$type<GuardSignal[]>().notNull(),
  startedAt: text('started_at').notNull(),
  /** Null: as long as the canary lasts. */
  watchUntil: text('watch_until'),
  endedAt: text('ended_at'),
  endedWhy: text('ended_why', { enum: ['promoted', 'replaced', 'ended', 'tripped', 'base_gone'] }),
});

export const policyTrips = sqliteTable('policy_trips', {
  rollout: text().primaryKey(),
  costCenter: text('cost_center').notNull(),
  version: integer().notNull(),
  baseVersion: integer('base_version').notNull(),
  signal: text().$type<GuardSignal>().notNull(),
  occurredAt: text('occurred_at').notNull(),
  evidence: text({ mode: 'json' }).$type<TripEvidence>().notNull(),
  followedAt: text('followed_at'),
  outcome: text({ enum: ['rolled_back', 'superseded'] }),
});
