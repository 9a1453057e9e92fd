/**
 * Daily roll-ups: which units (a UTC day of one cost center) are to be rolled up, and the statements that do it.
 * A unit's sums are made anew from its entries each time, in SQL and in one transaction with the note that they
 * are; so a run can be repeated, cut off, or run beside another one.
 */

export interface Unit {
  /** 'yyyy-mm-dd' in UTC. */
  day: string;
  costCenter: string;
}

/** Entries of one unit or of several of the same day; both ends are inclusive, ISO 8601 in UTC. */
export interface RollupSpan {
  day: string;
  costCenters: readonly string[];
  firstAdmittedAt: string;
  lastAdmittedAt: string;
}

export function wholeDay(day: string, costCenters: readonly string[]): RollupSpan {
  return {
    day,
    costCenters,
    firstAdmittedAt: `${day}T00:00:00.000Z`,
    lastAdmittedAt: `${day}T23:59:59.999Z`,
  };
}

/** What is told apart for ever; a column of `daily_rollups` and of the ledger each. */
const DIMENSIONS = [
  'developer',
  'key_id',
  'turn_kind',
  'model_asked',
  'model_served',
  'provider',
  'upstream_credential',
  'decision',
  'stage',
  'route',
  'service_tier',
  'speed',
  'inference_geo',
].join(', ');

/** What is added up of some entries only, or of each by its case (migration 0010); money in nano-USD. */
const CASES: Readonly<Record<string, string>> = {
  estimated: 'sum(estimated)',
  estimated_nano_usd: sumWhere('charged_nano_usd', 'estimated = 1'),
  estimated_charges: "count(*) FILTER (WHERE kind = 'charge' AND estimated = 1)",
  estimated_charges_nano_usd: sumWhere('charged_nano_usd', "kind = 'charge' AND estimated = 1"),
  corrections_nano_usd: sumWhere('charged_nano_usd', "kind = 'correction'"),
  asked_nano_usd: 'coalesce(sum(asked_nano_usd), 0)',
  compared_nano_usd: sumWhere('charged_nano_usd', 'asked_nano_usd IS NOT NULL'),
  not_compared: 'count(*) FILTER (WHERE asked_nano_usd IS NULL AND charged_nano_usd <> 0)',
};

function sumWhere(column: string, condition: string): string {
  return `coalesce(sum(${column}) FILTER (WHERE ${condition}), 0)`;
}

const KINDS = { charges: 'charge', corrections: 'correction', refusals: 'refusal', failures: 'failure' };
const SUMS = [
  'input_tokens',
  'cache_write_5m_tokens',
  'cache_write_1h_tokens',
  'cache_read_tokens',
  'output_tokens',
  'web_search_requests',
  'charged_nano_usd',
  'list_nano_usd',
];

const ENTRIES = `ledger_entries INDEXED BY ledger_entries_by_admission
  WHERE cost_center IN (SELECT value FROM json_each(?2)) AND admitted_at BETWEEN ?3 AND ?4`;

const BOOKED_MONTH = `coalesce(
  (SELECT b.booked_month FROM late_bookings b WHERE b.entry_id = ledger_entries.entry_id), substr(admitted_at, 1, 7))`;

const INSERT_SUMS = `
  INSERT INTO daily_rollups (day, part, cost_center, booked_month, ${DIMENSIONS},
    ${Object.keys(KINDS).join(', ')}, ${Object.keys(CASES).join(', ')}, ${SUMS.join(', ')})
  SELECT ?1, ?5, cost_center, ${BOOKED_MONTH} AS booked, ${DIMENSIONS},
    ${Object.values(KINDS)
      .map((kind) => `count(*) FILTER (WHERE kind = '${kind}')`)
      .join(', ')},
    ${Object.values(CASES).join(', ')},
    ${SUMS.map((column) => `sum(${column})`).join(', ')}
  FROM ${ENTRIES}
  GROUP BY cost_center, booked, ${DIMENSIONS}`;

const NOTE_UNITS = `
  INSERT INTO rollup_days (day, cost_center, dirty, entries, last_entry_id, rolled_up_at)
  SELECT ?1, u.value, 0, count(e.entry_id), max(e.entry_id), ?5
  FROM json_each(?2) u
  LEFT JOIN ledger_entries e INDEXED BY ledger_entries_by_admission
    ON e.cost_center = u.value AND e.admitted_at BETWEEN ?3 AND ?4
  GROUP BY u.value
  ON CONFLICT (day, cost_center) DO UPDATE SET dirty = 0, entries = excluded.entries,
    last_entry_id = excluded.last_entry_id, rolled_up_at = excluded.rolled_up_at`;

/** Adds the sums of a span as those of `part`; the caller has seen to it that they are not there. */
export function insertSums(db: D1Database, span: RollupSpan, part: number): D1PreparedStatement {
  const { day, costCenters, firstAdmittedAt, lastAdmittedAt } = span;
  return db
    .prepare(INSERT_SUMS)
    .bind(day, JSON.stringify(costCenters), firstAdmittedAt, lastAdmittedAt, part);
}

/** Rolls up what is in D1 of these cost centers' day. For one batch. */
export function rollUpStatements(
  db: D1Database,
  { day, costCenters }: { day: string; costCenters: readonly string[] },
  at: string,
): D1PreparedStatement[] {
  const span = wholeDay(day, costCenters);
  const ids = JSON.stringify(costCenters);
  return [
    db
      .prepare(
        'DELETE FROM daily_rollups WHERE day = ?1 AND cost_center IN (SELECT value FROM json_each(?2)) AND part = 0',
      )
      .bind(day, ids),
    insertSums(db, span, 0),
    db.prepare(NOTE_UNITS).bind(day, ids, span.firstAdmittedAt, span.lastAdmittedAt, at),
  ];
}

/**
 * Units to be rolled up, days in order, before `endDay`. One whose entries are just coming back from the archive
 * is left to that.
 */
export async function listDirtyUnits(db: D1Database, endDay: string, limit: number): Promise<Unit[]> {
  const { results } = await db
    .prepare(
      `SELECT day, cost_center AS costCenter FROM rollup_days r
       WHERE dirty = 1 AND day < ?1 AND NOT EXISTS (
         SELECT 1 FROM archive_segments s
         WHERE s.day = r.day AND s.cost_center = r.cost_center AND s.state = 'restoring'
       ) ORDER BY day, cost_center LIMIT ?2`,
    )
    .bind(endDay, limit)
    .all<Unit>();
  return results;
}

/** Gives a developer's sums their pseudonym: no two rows meet, as nobody else ever has it. */
export async function renameInRollups(
  db: D1Database,
  { developer, pseudonym }: { developer: string; pseudonym: string },
): Promise<number> {
  const update = db.prepare('UPDATE daily_rollups SET developer = ? WHERE developer = ?');
  return (await update.bind(pseudonym, developer).run()).meta.changes;
}
