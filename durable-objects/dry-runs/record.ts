/** The dry run's row in D1: what it was asked for, and what the job tells of itself there. */
import type { JobState } from './job.ts';

const UNFINISHED = "status IN ('queued', 'running')";
const SPAN_ENTRIES = `SELECT count(*) FROM ledger_entries INDEXED BY ledger_entries_by_admission
  WHERE cost_center = dry_runs.cost_center AND admitted_at >= from_at AND admitted_at < to_at`;

/** Selects `id` where the dry run is still to be worked on: nobody cancelled it. */
export function unfinishedQuery(db: D1Database, id: string): D1PreparedStatement {
  return db.prepare(`SELECT id FROM dry_runs WHERE id = ? AND ${UNFINISHED}`).bind(id);
}

/** Notes that it runs, and how many entries it is about. */
export function noteRunning(db: D1Database, id: string, at: string): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE dry_runs SET status = 'running', started_at = coalesce(started_at, ?2), rows_total = (${SPAN_ENTRIES})
       WHERE id = ?1 AND ${UNFINISHED}`,
    )
    .bind(id, at);
}

/** Notes how far it is. */
export function noteProgress(db: D1Database, { id, rowsDone, rowsTotal }: JobState): D1PreparedStatement {
  return db
    .prepare(`UPDATE dry_runs SET rows_done = ?2, rows_total = ?3 WHERE id = ?1 AND ${UNFINISHED}`)
    .bind(id, rowsDone, rowsTotal);
}

/** Notes why it failed. Once it is over nothing is changed. */
export function noteFailure(db: D1Database, job: JobState, at: string): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE dry_runs SET status = 'failed', error = ?2, rows_done = ?3, finished_at = ?4
       WHERE id = ?1 AND ${UNFINISHED}`,
    )
    .bind(job.id, job.error, job.rowsDone, at);
}

/** Notes the result of every draft (JSON by its place), to be run in one transaction. Once it is over nothing is changed. */
export function noteSuccess(
  db: D1Database,
  job: JobState,
  results: ReadonlyMap<number, string>,
  at: string,
): D1PreparedStatement[] {
  const result = `UPDATE dry_run_drafts SET result = ?3
    WHERE dry_run = ?1 AND position = ?2 AND EXISTS (SELECT 1 FROM dry_runs WHERE id = ?1 AND ${UNFINISHED})`;
  return [
    ...[...results].map(([position, text]) => db.prepare(result).bind(job.id, position, text)),
    db
      .prepare(
        `UPDATE dry_runs SET status = 'succeeded', rows_done = ?2, rows_total = ?2, finished_at = ?3
         WHERE id = ?1 AND ${UNFINISHED}`,
      )
      .bind(job.id, job.rowsDone, at),
  ];
}
