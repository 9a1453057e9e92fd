/** Days whose entries have left D1 for the archive: whoever reads the ledger from D1 alone must not do without them. */

/** Half-open span of admission in one cost center, ISO 8601 in UTC. */
export interface AdmissionSpan {
  costCenter: string;
  from: string;
  to: string;
}

/** Selects the days (`day`, in order) of a span that are archived, or on their way back. */
export function awayDaysQuery(db: D1Database, { costCenter, from, to }: AdmissionSpan): D1PreparedStatement {
  return db
    .prepare(
      `SELECT DISTINCT day FROM archive_segments
       WHERE cost_center = ?1 AND day BETWEEN substr(?2, 1, 10) AND substr(?3, 1, 10)
         AND state IN ('archived', 'restoring') AND last_admitted_at >= ?2 AND first_admitted_at < ?3
       ORDER BY day`,
    )
    .bind(costCenter, from, to);
}

const MAX_NAMED = 31;

/** What to do about such days, in a sentence; of many days it names the first. */
export function awayDaysSentence(days: readonly string[]): string {
  const named = days.slice(0, MAX_NAMED).join(', ');
  const more = days.length > MAX_NAMED ? ` and ${days.length - MAX_NAMED} more, up to ${days.at(-1)}` : '';
  return `entries of these days are in the archive and not in D1: ${named}${more}; bring each back with POST /admin/v1/archive/restore, or ask for a span that begins later (spend before the span counts too, as far back as windows of budgets reach)`;
}
