/** The tables of migrations/0015_identity.sql, as drizzle sees them. */
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const BINDING_KINDS = ['email', 'group', 'subject'] as const;

export const roleBindings = sqliteTable('role_bindings', {
  id: text().primaryKey(),
  by: text({ enum: BINDING_KINDS }).notNull(),
  issuer: text(),
  value: text().notNull(),
  role: text().notNull(),
  costCenter: text('cost_center'),
  createdBy: text('created_by').notNull(),
  createdAt: text('created_at').notNull(),
});

export const serviceTokens = sqliteTable('service_tokens', {
  id: text().primaryKey(),
  name: text().notNull(),
  secretSha256: text('secret_sha256').notNull(),
  scopes: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
  costCenters: text('cost_centers', { mode: 'json' }).$type<readonly string[]>(),
  expiresAt: text('expires_at'),
  revokedAt: text('revoked_at'),
  createdBy: text('created_by').notNull(),
  createdAt: text('created_at').notNull(),
});
