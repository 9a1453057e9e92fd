/** What the ledger says of a cost center in a span of days: from roll-ups where it can, from entries else. */
import { sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import type { EventSpan } from './review-events.ts';

/** Sums are nano-USD as text: they may pass 2^53. */
export interface SpendRow {
  chargedNanoUsd: string;
  charges: number;
  developers: number;
}

function dayOf(instant: string): string {
  return instant.slice(0, 10);
}

/** Of whole UTC days; archived ones too. */
export async function readSpend(database: Database, { costCenter, from, to }: EventSpan): Promise<SpendRow> {
  const [row] = await database.all<SpendRow>(sql`
    SELECT CAST(coalesce(sum(charged_nano_usd), 0) AS TEXT) AS chargedNanoUsd,
      coalesce(sum(charges), 0) AS charges, count(DISTINCT developer) AS developers
    FROM report_sums WHERE day >= ${dayOf(from)} AND day < ${dayOf(to)} AND cost_center = ${costCenter}`);
  return row ?? { chargedNanoUsd: '0', charges: 0, developers: 0 };
}

export interface RedirectedRow {
  decision: 'downgrade' | 'route';
  stage: string | null;
  route: string | null;
  charges: number;
  /** Entries with money whose price at the model asked for isn't known. */
  notCompared: number;
  askedNanoUsd: string;
  chargedNanoUsd: string;
  savedNanoUsd: string;
}

const MAX_REDIRECTED = 100;

/** Step downs by stage and routes by id, those that moved most money first. */
export async function readRedirected(
  database: Database,
  { costCenter, from, to }: EventSpan,
): Promise<RedirectedRow[]> {
  return await database.all<RedirectedRow>(sql`
    SELECT decision, stage, route, sum(charges) AS charges, sum(not_compared) AS notCompared,
      CAST(sum(asked_nano_usd) AS TEXT) AS askedNanoUsd, CAST(sum(charged_nano_usd) AS TEXT) AS chargedNanoUsd,
      CAST(sum(saved_nano_usd) AS TEXT) AS savedNanoUsd
    FROM report_savings
    WHERE day >= ${dayOf(from)} AND day < ${dayOf(to)} AND cost_center = ${costCenter}
    GROUP BY decision, stage, route ORDER BY abs(sum(saved_nano_usd)) DESC, 1, 2, 3 LIMIT ${MAX_REDIRECTED}`);
}

export interface RefusedSession {
  session: string;
  developer: string;
  refusals: number;
  firstAt: string;
  lastAt: string;
  /** When the next turn of the session was served; null: none was. */
  wentOnAt: string | null;
}

export interface Refusals {
  refusals: number;
  sessions: number;
  developers: number;
  /** By the stage that refused, else by the first reason. */
  reasons: { reason: string; refusals: number; sessions: number }[];
  /** Those that tried for longest, at most ten. */
  longest: RefusedSession[];
}

const NAMED_REASONS = 20;
const NAMED_SESSIONS = 10;

function refused({ costCenter, from, to }: EventSpan) {
  return sql`ledger_entries INDEXED BY ledger_entries_refused
    WHERE kind = 'refusal' AND admitted_at >= ${from} AND admitted_at < ${to} AND cost_center = ${costCenter}`;
}

/** From entries alone: of days that are archived nothing is in it. */
export async function readRefusals(database: Database, span: EventSpan): Promise<Refusals> {
  const [sums] = await database.all<Pick<Refusals, 'refusals' | 'sessions' | 'developers'>>(sql`
    SELECT count(*) AS refusals, count(DISTINCT developer || ' ' || session) AS sessions,
      count(DISTINCT developer) AS developers FROM ${refused(span)}`);
  if (!sums || sums.refusals === 0) {
    return { refusals: 0, sessions: 0, developers: 0, reasons: [], longest: [] };
  }
  const reasons = await database.all<Refusals['reasons'][number]>(sql`
    SELECT coalesce(stage, json_extract(reasons, '$[0]'), 'unknown') AS reason, count(*) AS refusals,
      count(DISTINCT developer || ' ' || session) AS sessions
    FROM ${refused(span)} GROUP BY 1 ORDER BY refusals DESC, 1 LIMIT ${NAMED_REASONS}`);
  const longest = await database.all<RefusedSession>(sql`
    SELECT s.*, (
      SELECT min(e.admitted_at) FROM ledger_entries e INDEXED BY ledger_entries_by_session
      WHERE e.session = s.session AND e.cost_center = ${span.costCenter} AND e.developer = s.developer
        AND e.kind = 'charge' AND e.admitted_at > s.lastAt
    ) AS wentOnAt
    FROM (
      SELECT session, developer, count(*) AS refusals, min(admitted_at) AS firstAt, max(admitted_at) AS lastAt
      FROM ${refused(span)} GROUP BY session, developer
      ORDER BY julianday(max(admitted_at)) - julianday(min(admitted_at)) DESC, refusals DESC, session
      LIMIT ${NAMED_SESSIONS}
    ) s`);
  return { ...sums, reasons, longest };
}

export interface ExpiredHolds {
  charges: number;
  /** How many have a correction by now. */
  corrected: number;
  estimatedNanoUsd: string;
  correctionsNanoUsd: string;
}

/** Turns that nobody reported to their end, charged at an estimate when their lease ran out. */
export async function readExpiredHolds(
  database: Database,
  { costCenter, from, to }: EventSpan,
): Promise<ExpiredHolds> {
  const [row] = await database.all<ExpiredHolds>(sql`
    SELECT coalesce(sum(charges), 0) AS charges, coalesce(sum(corrected), 0) AS corrected,
      CAST(coalesce(sum(estimated_nano_usd), 0) AS TEXT) AS estimatedNanoUsd,
      CAST(coalesce(sum(corrections_nano_usd), 0) AS TEXT) AS correctionsNanoUsd
    FROM report_estimated_charges
    WHERE day >= ${dayOf(from)} AND day < ${dayOf(to)} AND cost_center = ${costCenter}
      AND estimated_why = 'lease_expired'`);
  return row ?? { charges: 0, corrected: 0, estimatedNanoUsd: '0', correctionsNanoUsd: '0' };
}
