/**
 * The delivery object's own tables, and how they came to be: each statement list is one version, applied once, in
 * order. Statements are never edited after they shipped; a change is a further version.
 */

export const VERSIONS: readonly (readonly string[])[] = [
  [
    // What is to be told. state: waiting (its routes were not read yet), routed, or unrouted (no route is for it).
    // document: an AlertEvent, JSON.
    `CREATE TABLE events (
      event_id TEXT PRIMARY KEY,
      cost_center TEXT NOT NULL,
      accepted_at_ms INTEGER NOT NULL,
      state TEXT NOT NULL,
      document TEXT NOT NULL
    ) STRICT`,
    "CREATE INDEX events_waiting ON events (event_id) WHERE state = 'waiting'",
    'CREATE INDEX events_by_age ON events (accepted_at_ms)',

    // One event at one destination. kind tells what goes into one digest; severity: index in SEVERITIES;
    // ready_at_ms: since when it may be sent, from which its links count; tries: since then; message_id: the
    // idempotency key, the same in every try and for all events of one digest; because: of a fallback, what failed.
    `CREATE TABLE deliveries (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      event_id TEXT NOT NULL,
      destination TEXT NOT NULL,
      type TEXT NOT NULL,
      kind TEXT NOT NULL,
      severity INTEGER NOT NULL,
      state TEXT NOT NULL,
      is_fallback INTEGER NOT NULL,
      because TEXT,
      message_id TEXT NOT NULL,
      tries INTEGER NOT NULL,
      ready_at_ms INTEGER NOT NULL,
      next_at_ms INTEGER,
      UNIQUE (event_id, destination)
    ) STRICT`,
    'CREATE INDEX deliveries_due ON deliveries (destination, severity DESC, event_id) WHERE next_at_ms IS NOT NULL',

    // Written before a request (outcome under_way) and completed after it.
    `CREATE TABLE attempts (
      delivery INTEGER NOT NULL,
      attempt INTEGER NOT NULL,
      at_ms INTEGER NOT NULL,
      status INTEGER,
      outcome TEXT NOT NULL,
      problem TEXT,
      PRIMARY KEY (delivery, attempt)
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX attempts_under_way ON attempts (delivery) WHERE outcome = 'under_way'",

    // What a destination holds open under a message's id until the window resets or somebody resolves it.
    // subject: null for a digest of many. next_at_ms: null once it is resolved, given up, or for people to close.
    `CREATE TABLE incidents (
      destination TEXT NOT NULL,
      message_id TEXT NOT NULL,
      cost_center TEXT NOT NULL,
      budget TEXT,
      subject TEXT,
      opened_at_ms INTEGER NOT NULL,
      state TEXT NOT NULL,
      tries INTEGER NOT NULL,
      next_at_ms INTEGER,
      PRIMARY KEY (destination, message_id)
    ) STRICT, WITHOUT ROWID`,

    // After a failure nothing is sent to the destination before then. disabled_revision: the receiver said that it
    // is gone, in routes of that revision.
    `CREATE TABLE rests (
      destination TEXT PRIMARY KEY,
      until_ms INTEGER NOT NULL,
      disabled_revision INTEGER
    ) STRICT, WITHOUT ROWID`,

    // What D1 says of routes, credentials sealed as they came. document: null where there are none.
    `CREATE TABLE routes (
      cost_center TEXT PRIMARY KEY,
      document TEXT,
      revision INTEGER NOT NULL,
      name TEXT,
      timezone TEXT,
      read_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,

    `CREATE TABLE slack_users (
      email TEXT PRIMARY KEY,
      user_id TEXT NOT NULL,
      read_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
];
