/** The ledger as the replay takes it, a slice at a time: what was spent before the span, then the turns in their order. */
import { REPLAY_COLUMNS, type ReplayRow } from '../core/replay/entry.ts';
import type { ReplaySetup, SeedSpend } from '../core/replay/types.ts';

/** Turns run, and are reported on, no longer than this before the span and into it. */
export const OPEN_MS = 7 * 86_400_000;

const BY_ADMISSION = 'ledger_entries INDEXED BY ledger_entries_by_admission';

/** Where an entry stands in the replay's order. */
export interface EntryPosition {
  admittedAt: string;
  openSeq: number;
  settleSeq: number;
  entryId: string;
}

/** Before every entry admitted from an instant (epoch ms) on. */
export function positionBefore(atMs: number): EntryPosition {
  return { admittedAt: new Date(atMs).toISOString(), openSeq: -1, settleSeq: -1, entryId: '' };
}

export type PageRow = ReplayRow & { entry_id: string };

export function positionOf(row: PageRow): EntryPosition {
  return {
    admittedAt: row.admitted_at,
    openSeq: row.open_seq,
    settleSeq: row.settle_seq,
    entryId: row.entry_id,
  };
}

type Span = Pick<ReplaySetup, 'costCenter' | 'fromMs' | 'toMs'>;

/**
 * Selects up to `limit` entries (PageRow) after a position, in the order turns were admitted: those of the span, and of
 * turns admitted before it that were settled in it.
 */
export function pageQuery(
  db: D1Database,
  { costCenter, fromMs, toMs }: Span,
  after: EntryPosition,
  limit: number,
): D1PreparedStatement {
  return db
    .prepare(
      `SELECT entry_id, ${REPLAY_COLUMNS.join(', ')} FROM ${BY_ADMISSION}
       WHERE cost_center = ?1 AND admitted_at < ?3
         AND (admitted_at, open_seq, settle_seq, entry_id) > (?4, ?5, ?6, ?7)
         AND (admitted_at >= ?2 OR recorded_at >= ?2)
       ORDER BY admitted_at, open_seq, settle_seq, entry_id LIMIT ?8`,
    )
    .bind(
      costCenter,
      new Date(fromMs).toISOString(),
      new Date(toMs).toISOString(),
      after.admittedAt,
      after.openSeq,
      after.settleSeq,
      after.entryId,
      limit,
    );
}

/** Selects what was settled before the span (SeedSpend) of turns admitted in a half-open part of the time before it. */
export function seedQuery(
  db: D1Database,
  { costCenter, fromMs }: Span,
  part: { startMs: number; endMs: number },
): D1PreparedStatement {
  return db
    .prepare(
      `SELECT unixepoch(admitted_at) / 900 AS quarter, developer, key_id AS keyId, model_served AS modelServed, session,
         sum(charged_nano_usd) AS nanoUsd
       FROM ${BY_ADMISSION}
       WHERE cost_center = ?1 AND admitted_at >= ?2 AND admitted_at < ?3 AND recorded_at < ?4 AND charged_nano_usd <> 0
       GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`,
    )
    .bind(
      costCenter,
      new Date(part.startMs).toISOString(),
      new Date(part.endMs).toISOString(),
      new Date(fromMs).toISOString(),
    );
}

/** As `seedQuery` selects them. */
export type SeedRow = SeedSpend & Record<string, unknown>;
