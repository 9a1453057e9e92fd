/** What happened to a cost center in a span: stages crossed, raises, increase requests and changes of policy. */
import { sql } from 'drizzle-orm';
import { idBound } from '../../durable-objects/ledger/time-ordered-id.ts';
import type { Database } from './database.ts';

/** Half-open, ISO 8601 in UTC. */
export interface EventSpan {
  costCenter: string;
  from: string;
  to: string;
}

/** Sums are text: they may pass 2^53 nano-USD. */
export interface BreachRow {
  budget: string;
  on: 'stage:alert' | 'stage:downgrade' | 'stage:pause';
  /** As `budget@fraction`. */
  stage: string;
  breaches: number;
  windows: number;
  subjects: number;
}

export interface BreachSubject {
  budget: string;
  stage: string;
  subject: string;
  breaches: number;
}

const MAX_ROWS = 300;
const NAMED_SUBJECTS = 3;

/** Events have ids in the order of time, so that a span of them is one of the index by cost center. */
function crossed({ costCenter, from, to }: EventSpan) {
  return sql`alert_events INDEXED BY alert_events_by_cost_center
    WHERE cost_center = ${costCenter}
      AND event_id >= ${idBound(Date.parse(from))} AND event_id < ${idBound(Date.parse(to))}
      AND "on" IN ('stage:alert', 'stage:downgrade', 'stage:pause') AND budget IS NOT NULL`;
}

/** Stages crossed by budget, most often first; and of each those who crossed it most often. */
export async function readBreaches(
  database: Database,
  span: EventSpan,
): Promise<{ breaches: BreachRow[]; subjects: BreachSubject[] }> {
  const breaches = await database.all<BreachRow>(sql`
    SELECT budget, "on", stage, count(*) AS breaches, count(DISTINCT window_start) AS windows,
      count(DISTINCT subject) AS subjects
    FROM ${crossed(span)} GROUP BY budget, "on", stage ORDER BY breaches DESC, stage LIMIT ${MAX_ROWS}`);
  const subjects = await database.all<BreachSubject>(sql`
    SELECT budget, stage, subject, breaches FROM (
      SELECT budget, stage, subject, count(*) AS breaches,
        row_number() OVER (PARTITION BY budget, stage ORDER BY count(*) DESC, subject) AS place
      FROM ${crossed(span)} GROUP BY budget, stage, subject
    ) WHERE place <= ${NAMED_SUBJECTS} ORDER BY budget, stage, place LIMIT ${MAX_ROWS * NAMED_SUBJECTS}`);
  return { breaches, subjects };
}

export interface RaisedRow {
  budget: string;
  /** Null: everyone the budget counts. */
  subject: string | null;
  raises: number;
  extraNanoUsd: string;
}

/** Raises made in the span by budget and subject, most often first. A shared budget's subject is its cost center. */
export async function readRaised(
  database: Database,
  { costCenter, from, to }: EventSpan,
): Promise<RaisedRow[]> {
  return await database.all<RaisedRow>(sql`
    SELECT budget, nullif(subject, ${costCenter}) AS subject, count(*) AS raises,
      CAST(sum(extra_nano_usd) AS TEXT) AS extraNanoUsd
    FROM raises INDEXED BY raises_by_cost_center
    WHERE cost_center = ${costCenter} AND created_at >= ${from} AND created_at < ${to}
    GROUP BY 1, 2 ORDER BY raises DESC, sum(extra_nano_usd) DESC, 1, 2 LIMIT ${MAX_ROWS}`);
}

export interface RequestedRow {
  budget: string;
  /** As of now: one that is pending when its time is over has expired. */
  status: 'pending' | 'approved' | 'denied' | 'expired';
  requests: number;
  askedNanoUsd: string;
  approvedNanoUsd: string;
}

/** Increase requests made in the span by budget and what came of them `at` (ISO 8601, UTC). */
export async function readRequested(
  database: Database,
  { costCenter, from, to }: EventSpan,
  at: string,
): Promise<RequestedRow[]> {
  return await database.all<RequestedRow>(sql`
    SELECT budget, iif(status = 'pending' AND expires_at <= ${at}, 'expired', status) AS status,
      count(*) AS requests, CAST(sum(extra_nano_usd) AS TEXT) AS askedNanoUsd,
      CAST(coalesce(sum(approved_nano_usd), 0) AS TEXT) AS approvedNanoUsd
    FROM increase_requests INDEXED BY increase_requests_by_cost_center
    WHERE cost_center = ${costCenter} AND created_at >= ${from} AND created_at < ${to}
    GROUP BY 1, 2 ORDER BY requests DESC, 1, 2 LIMIT ${MAX_ROWS}`);
}

export interface PolicyChange {
  at: string;
  actor: string;
  /** `policy.create`, `policy.activate`, … */
  action: string;
  version: string;
}

const NAMED_CHANGES = 20;

/** Changes of policy in the span: how many, how many of them chose another live version, and the newest of them. */
export async function readPolicyChanges(
  database: Database,
  { costCenter, from, to }: EventSpan,
): Promise<{ changes: number; activations: number; newest: PolicyChange[] }> {
  const changed = sql`audit_events INDEXED BY audit_events_by_cost_center
    WHERE cost_center = ${costCenter} AND action GLOB 'policy.*'
      AND occurred_at >= ${from} AND occurred_at < ${to}`;
  const [counted] = await database.all<{ changes: number; activations: number }>(sql`
    SELECT count(*) AS changes,
      count(*) FILTER (WHERE action IN ('policy.activate', 'policy.rollback')) AS activations
    FROM ${changed}`);
  const newest = await database.all<PolicyChange>(sql`
    SELECT occurred_at AS at, actor, action, target AS version FROM ${changed}
    ORDER BY sequence DESC LIMIT ${NAMED_CHANGES}`);
  return { changes: counted?.changes ?? 0, activations: counted?.activations ?? 0, newest };
}
