/**
 * The dry run's own tables, and how they came to be: each statement list is one version, applied once, in order.
 * Statements are never edited after they shipped; a change is a further version.
 */

export const VERSIONS: readonly (readonly string[])[] = [
  [
    // Where the job is. phase: preparing, seeding, replaying, telling (its outcome is known, D1 does not have it yet),
    // over. cursor: JSON, of the phase. worked_ms: time spent replaying, waits left out. waiting_since_ms: D1 has not
    // answered since; error: why it failed.
    `CREATE TABLE job (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      id TEXT NOT NULL,
      phase TEXT NOT NULL,
      cursor TEXT,
      rows_done INTEGER NOT NULL,
      rows_total INTEGER NOT NULL,
      worked_ms INTEGER NOT NULL,
      waiting_since_ms INTEGER,
      error TEXT
    ) STRICT`,

    // What D1 said when the job was prepared: replays of one job must all see the same. document: JSON.
    `CREATE TABLE setup (
      part TEXT NOT NULL,
      number INTEGER NOT NULL,
      document TEXT NOT NULL,
      PRIMARY KEY (part, number)
    ) STRICT, WITHOUT ROWID`,

    // The replay's state. A value longer than a row may be stands in several pieces.
    `CREATE TABLE state (
      key TEXT NOT NULL,
      piece INTEGER NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (key, piece)
    ) STRICT`,

    // document: a ReplayEvent, JSON.
    `CREATE TABLE events (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      draft INTEGER NOT NULL,
      kind TEXT NOT NULL,
      session TEXT NOT NULL,
      developer TEXT NOT NULL,
      document TEXT NOT NULL
    ) STRICT`,
    'CREATE INDEX events_by_kind ON events (draft, kind)',
    'CREATE INDEX events_by_session ON events (session)',

    // Events that came when there were too many to keep.
    `CREATE TABLE left_out (
      draft INTEGER PRIMARY KEY,
      events INTEGER NOT NULL
    ) STRICT`,

    // What came of each draft, until D1 has it. result: JSON.
    `CREATE TABLE results (
      draft INTEGER PRIMARY KEY,
      result TEXT NOT NULL
    ) STRICT`,
  ],
];
