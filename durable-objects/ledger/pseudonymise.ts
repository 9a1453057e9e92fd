/**
 * The one way a row of the ledger is ever changed: a developer's name gives way to a pseudonym, where
 * `pseudonym_mappings` has the two. The triggers of migrations/0008_privacy.sql let exactly this through and nothing
 * else: no money, no time, no decision.
 */
import type { Renaming } from '../core/pseudonym.ts';

/** ?1 the name, ?2 the pseudonym, ?3 rows at most. */
const STANDING = `replace(standing,
  '"scope":"developer","subject":' || json_quote(?1), '"scope":"developer","subject":' || json_quote(?2))`;

const RENAME_ENTRIES = `
  UPDATE ledger_entries SET
    developer = ?2,
    key_tags = replace(key_tags, ':' || json_quote(?1), ':' || json_quote(?2)),
    standing = ${STANDING}
  WHERE entry_id IN (SELECT entry_id FROM ledger_entries WHERE developer = ?1 LIMIT ?3)
  RETURNING 1`;

/** In the event itself, or among those who spent most. */
const NAMED_IN_ALERT = `developer = ?1 OR instr(context, '"developer":' || json_quote(?1)) > 0`;

const RENAME_ALERTS = `
  UPDATE alert_events SET
    developer = iif(developer = ?1, ?2, developer),
    subject = iif(developer = ?1 AND subject = ?1, ?2, subject),
    standing = ${STANDING},
    context = replace(context, '"developer":' || json_quote(?1), '"developer":' || json_quote(?2))
  WHERE event_id IN (SELECT event_id FROM alert_events WHERE ${NAMED_IN_ALERT} LIMIT ?3)
  RETURNING 1`;

export interface RenamedRows {
  entries: number;
  alerts: number;
}

/** Renames at most `limit` entries and as many events, in one transaction; zeros where none is left. */
export async function pseudonymiseRows(
  db: D1Database,
  { developer, pseudonym }: Renaming,
  limit: number,
): Promise<RenamedRows> {
  const [entries, alerts] = await db.batch(
    [RENAME_ENTRIES, RENAME_ALERTS].map((query) => db.prepare(query).bind(developer, pseudonym, limit)),
  );
  return { entries: entries?.results.length ?? 0, alerts: alerts?.results.length ?? 0 };
}
