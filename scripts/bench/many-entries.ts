/**
 * A ledger of any size, made of demo entries: a few days of made-up traffic, written again and again a month of
 * days apart with ids of their own. Some are turned into refusals, steps down and estimates, as a wallet would.
 */
import type { DatabaseSync } from 'node:sqlite';
import { INSERT_ENTRIES } from '../../durable-objects/ledger/append.ts';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { generateTraffic } from '../../test/traffic/generate.ts';
import { DemoLedger } from '../demo/entries.ts';

const ENTRIES_A_BATCH = 400;
const DAY_MS = 86_400_000;
/** Six months that end with November 2026. */
const FIRST_MS = Date.UTC(2026, 5, 1);
const DAYS = 183;
/** A week of traffic is the pattern: about 44,000 entries. */
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

function moved(entry: Entry, byMs: number, copy: number): Entry {
  const later = (iso: string): string => new Date(Date.parse(iso) + byMs).toISOString();
  return {
    ...entry,
    entry_id: `${entry.entry_id.slice(0, 20)}${copy.toString(36).toUpperCase().padStart(6, '0')}`,
    turn_id: `${entry.turn_id.slice(0, 30)}${copy}`,
    session: `${entry.session.slice(0, 30)}${copy}`,
    received_at: later(entry.received_at),
    admitted_at: later(entry.admitted_at),
    recorded_at: later(entry.recorded_at),
  };
}

/** Writes this many entries, spread evenly over six months. */
export function fillLedger(database: DatabaseSync, count: number): void {
  const ledger = new DemoLedger(1);
  const pattern: Entry[] = [];
  for (const turn of generateTraffic({ seed: 1, startMs: FIRST_MS, days: PATTERN_DAYS })) {
    pattern.push(ledger.entryOf(turn));
  }
  const insert = database.prepare(INSERT_ENTRIES);
  const weeks = Math.floor(DAYS / PATTERN_DAYS);
  database.exec('BEGIN');
  for (let written = 0; written < count; ) {
    const batch: string[] = [];
    while (batch.length < ENTRIES_A_BATCH && written < count) {
      const copy = Math.floor(written / pattern.length);
      const entry = pattern[written % pattern.length];
      if (!entry) throw new Error('there is no traffic to copy');
      const byMs = (copy % weeks) * PATTERN_DAYS * DAY_MS;
      batch.push(JSON.stringify(asDecided(moved(entry, byMs, copy), written)));
      written += 1;
    }
    insert.run(`[${batch.join(',')}]`);
  }
  database.exec('COMMIT');
}
