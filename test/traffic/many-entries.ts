/**
 * A ledger of any size, made of demo entries: a week of made-up traffic, written as a wallet's outbox would, and
 * copied within the database to further weeks, with ids of its own each time. Some of it is turned into refusals,
 * steps down and estimates, as by a policy that bites.
 */
import type { DatabaseSync } from 'node:sqlite';
import { ENTRY_COLUMNS, INSERT_ENTRIES } from '../../durable-objects/ledger/append.ts';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { DemoLedger } from '../../scripts/demo/entries.ts';
import { generateTraffic } from './generate.ts';

const ENTRIES_A_BATCH = 400;
/** Six months that end with November 2026, in whole weeks. */
const FIRST_MS = Date.UTC(2026, 5, 1);
const WEEKS = 26;
const PATTERN_DAYS = 7;

/** Of every hundred entries of a policy that bites: these are refused, stepped down, or estimated. */
function asDecided(entry: Entry, index: number): Entry {
  const kind = index % 100;
  if (kind < 3) {
    return {
      ...entry,
      kind: 'refusal',
      decision: 'refuse',
      stage: 'team-day@1.10',
      model_served: null,
      charged_nano_usd: 0,
      list_nano_usd: 0,
      input_tokens: 0,
      cache_write_5m_tokens: 0,
      cache_write_1h_tokens: 0,
      cache_read_tokens: 0,
      output_tokens: 0,
    };
  }
  if (kind < 18) return { ...entry, decision: 'downgrade', stage: 'team-day@0.95' };
  if (kind < 20) return { ...entry, estimated: true, estimated_why: 'client_gone' };
  return entry;
}

const later = (column: string): string => `strftime('%Y-%m-%dT%H:%M:%fZ', ${column}, ?2)`;

/** What a copy has instead of the column's value; ?1 is its number as text, ?2 how much later it is. */
const COPIED: Readonly<Record<string, string>> = {
  entry_id: 'substr(entry_id, 1, 20) || ?1',
  turn_id: 'substr(turn_id, 1, 30) || ?1',
  session: 'substr(session, 1, 30) || ?1',
  received_at: later('received_at'),
  admitted_at: later('admitted_at'),
  recorded_at: later('recorded_at'),
};

const COLUMNS = Object.keys(ENTRY_COLUMNS);

const COPY = `
  INSERT INTO ledger_entries (${COLUMNS.join(', ')})
  SELECT ${COLUMNS.map((column) => COPIED[column] ?? column).join(', ')}
  FROM ledger_entries WHERE rowid <= ?3 LIMIT ?4`;

/** Writes this many entries to an empty ledger: a week of them, then the other weeks of six months in turn. */
export function fillLedger(database: DatabaseSync, count: number): void {
  const pattern = writePattern(database, count);
  const copy = database.prepare(COPY);
  let written = pattern;
  for (let number = 1; written < count; number += 1) {
    const suffix = number.toString(36).toUpperCase().padStart(6, '0');
    const days = (number % WEEKS) * PATTERN_DAYS;
    const rows = Math.min(pattern, count - written);
    copy.run(suffix, `+${days} days`, pattern, rows);
    written += rows;
  }
}

/** Writes the first week, at most `count` entries of it; how many they are. */
function writePattern(database: DatabaseSync, count: number): number {
  const ledger = new DemoLedger(1);
  const insert = database.prepare(INSERT_ENTRIES);
  let written = 0;
  let batch: string[] = [];
  const flush = (): void => {
    insert.run(`[${batch.join(',')}]`);
    batch = [];
  };
  for (const turn of generateTraffic({ seed: 1, startMs: FIRST_MS, days: PATTERN_DAYS })) {
    if (written === count) break;
    batch.push(JSON.stringify(asDecided(ledger.entryOf(turn), written)));
    written += 1;
    if (batch.length === ENTRIES_A_BATCH) flush();
  }
  if (batch.length > 0) flush();
  return written;
}
