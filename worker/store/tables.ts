/** The configuration tables of migrations 0001, 0003, 0006, 0008, 0013, 0014, 0016, 0017 and 0019, as drizzle sees them. */
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { AlertRoutes } from '../../durable-objects/core/alerting/routes.ts';
import type { GuardSignal } from '../../durable-objects/core/guards/signals.ts';
import { type PolicyProblem, WINDOWS } from '../../durable-objects/core/policy/types.ts';
import type { SignedPolicy } from '../../durable-objects/ledger/policy-envelope.ts';

export const costCenters = sqliteTable('cost_centers', {
  id: text().primaryKey(),
  name: text().notNull(),
  timezone: text().notNull(),
  managerName: text('manager_name'),
  managerEmail: text('manager_email'),
  managerSlackUserId: text('manager_slack_user_id'),
  jurisdiction: text({ enum: ['eu'] }),
  revision: integer().notNull(),
  archivedAt: text('archived_at'),
  pausedAt: text('paused_at'),
  pausedUntil: text('paused_until'),
  pausedReason: text('paused_reason'),
  exemptUntil: text('exempt_until'),
  exemptReason: text('exempt_reason'),
  livePolicyVersion: integer('live_policy_version'),
  scheduledPolicyVersion: integer('scheduled_policy_version'),
  createdAt: text('created_at').notNull(),
  updatedAt: text('updated_at').notNull(),
});

export const costCenterNames = sqliteTable(
  'cost_center_names',
  {
    costCenter: text('cost_center').notNull(),
    fromAt: text('from_at').notNull(),
    name: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.costCenter, table.fromAt] })],
);

export const closedMonths = sqliteTable('closed_months', {
  month: text().primaryKey(),
  closedAt: text('closed_at').notNull(),
  closedBy: text('closed_by').notNull(),
  reason: text(),
  entries: integer().notNull(),
  chargedNanoUsd: integer('charged_nano_usd').notNull(),
  listNanoUsd: integer('list_nano_usd').notNull(),
});

export const virtualKeys = sqliteTable('virtual_keys', {
  id: text().primaryKey(),
  costCenter: text('cost_center').notNull(),
  developer: text().notNull(),
  name: text(),
  tags: text({ mode: 'json' }).$type<Record<string, string>>().notNull(),
  enabled: integer({ mode: 'boolean' }).notNull(),
  expiresAt: text('expires_at'),
  revokedAt: text('revoked_at'),
  replaces: text(),
  allowedModels: text('allowed_models', { mode: 'json' }).$type<string[]>(),
  revision: integer().notNull(),
  createdAt: text('created_at').notNull(),
  updatedAt: text('updated_at').notNull(),
});

export const raises = sqliteTable('raises', {
  id: text().primaryKey(),
  costCenter: text('cost_center').notNull(),
  budget: text().notNull(),
  subject: text(),
  extraNanoUsd: integer('extra_nano_usd').notNull(),
  until: text().notNull(),
  reason: text().notNull(),
  endedAt: text('ended_at'),
  revision: integer().notNull(),
  createdAt: text('created_at').notNull(),
  updatedAt: text('updated_at').notNull(),
});

export const sessionStops = sqliteTable(
  'session_stops',
  {
    costCenter: text('cost_center').notNull(),
    session: text().notNull(),
    reason: text().notNull(),
    stoppedAt: text('stopped_at').notNull(),
    liftedAt: text('lifted_at'),
    revision: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.costCenter, table.session] })],
);

export const POLICY_STATES = [
  'draft',
  'submitted',
  'approved',
  'scheduled',
  'canary',
  'live',
  'retired',
  'rejected',
] as const;

export const policyVersions = sqliteTable(
  'policy_versions',
  {
    costCenter: text('cost_center').notNull(),
    version: integer().notNull(),
    state: text({ enum: POLICY_STATES }).notNull(),
    /** As it was given: checked again whenever it is read into a policy. */
    document: text({ mode: 'json' }).$type<unknown>().notNull(),
    warnings: text({ mode: 'json' }).$type<PolicyProblem[]>().notNull(),
    createdAt: text('created_at').notNull(),
    activatedAt: text('activated_at'),
    authors: text({ mode: 'json' }).$type<string[]>().notNull(),
    baseVersion: integer('base_version'),
    note: text(),
    submittedAt: text('submitted_at'),
    submittedBy: text('submitted_by'),
    approvalNote: text('approval_note'),
    approvedAt: text('approved_at'),
    approvedBy: text('approved_by'),
    dryRun: text('dry_run'),
    rejectedAt: text('rejected_at'),
    rejectedBy: text('rejected_by'),
    rejectionReason: text('rejection_reason'),
    activateAt: text('activate_at'),
    signed: text({ mode: 'json' }).$type<SignedPolicy>(),
    legacy: integer({ mode: 'boolean' }).notNull(),
    guards: text({ mode: 'json' }).$type<GuardSignal[]>(),
  },
  (table) => [primaryKey({ columns: [table.costCenter, table.version] })],
);

export const alertRoutes = sqliteTable('alert_routes', {
  /** Or ORGANISATION. */
  costCenter: text('cost_center').primaryKey(),
  /** Its secrets are sealed. */
  document: text({ mode: 'json' }).$type<AlertRoutes>().notNull(),
  revision: integer().notNull(),
  updatedAt: text('updated_at').notNull(),
});

export const INCREASE_STATUSES = ['pending', 'approved', 'denied', 'expired'] as const;

export const increaseRequests = sqliteTable('increase_requests', {
  id: text().primaryKey(),
  costCenter: text('cost_center').notNull(),
  budget: text().notNull(),
  window: text({ enum: WINDOWS }).notNull(),
  subject: text(),
  developer: text().notNull(),
  keyId: text('key_id').notNull(),
  extraNanoUsd: integer('extra_nano_usd').notNull(),
  reason: text(),
  status: text({ enum: INCREASE_STATUSES }).notNull(),
  expiresAt: text('expires_at').notNull(),
  eventId: text('event_id').notNull(),
  resolvedAt: text('resolved_at'),
  resolvedBy: text('resolved_by'),
  resolution: text(),
  raise: text(),
  approvedNanoUsd: integer('approved_nano_usd'),
  createdAt: text('created_at').notNull(),
  updatedAt: text('updated_at').notNull(),
});

export const alertLinkUses = sqliteTable('alert_link_uses', {
  id: text().primaryKey(),
  eventId: text('event_id').notNull(),
  costCenter: text('cost_center').notNull(),
  action: text().notNull(),
  usedAt: text('used_at').notNull(),
  requestId: text('request_id').notNull(),
});

export const pseudonyms = sqliteTable('pseudonyms', {
  pseudonym: text().primaryKey(),
  createdAt: text('created_at').notNull(),
  completedAt: text('completed_at'),
  archivedObjects: integer('archived_objects').notNull(),
  reconciliations: integer().notNull(),
});

export const pseudonymMappings = sqliteTable('pseudonym_mappings', {
  developer: text().primaryKey(),
  pseudonym: text().notNull(),
});

export const auditEvents = sqliteTable('audit_events', {
  sequence: integer().primaryKey({ autoIncrement: true }),
  occurredAt: text('occurred_at').notNull(),
  actor: text().notNull(),
  action: text().notNull(),
  costCenter: text('cost_center'),
  target: text().notNull(),
  before: text({ mode: 'json' }).$type<unknown>(),
  after: text({ mode: 'json' }).$type<unknown>(),
  requestId: text('request_id').notNull(),
});

/** One link an event; written by store/audit-chain.ts. */
export const auditChain = sqliteTable('audit_chain', {
  sequence: integer().primaryKey(),
  salt: text().notNull(),
  contentDigest: text('content_digest').notNull(),
  previousHash: text('previous_hash').notNull(),
  hash: text().notNull(),
});
