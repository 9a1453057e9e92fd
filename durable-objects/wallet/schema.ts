/**
 * The wallet's own tables, and how they came to be: each statement list is one version, applied once, in order.
 * Statements are never edited after they shipped; a change is a further version.
 */

export const VERSIONS: readonly (readonly string[])[] = [
  [
    // One row. The clock never goes back; sequences number opens and settlements in their order.
    `CREATE TABLE clock (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      now_ms INTEGER NOT NULL,
      open_seq INTEGER NOT NULL,
      settle_seq INTEGER NOT NULL
    ) STRICT`,
    'INSERT INTO clock VALUES (1, 0, 0, 0)',

    // One row: the copy of what D1 says of this cost center (view wallet_configurations).
    `CREATE TABLE configuration (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      revision INTEGER NOT NULL,
      document TEXT NOT NULL
    ) STRICT`,
    `CREATE TABLE virtual_keys (
      id TEXT PRIMARY KEY,
      developer TEXT NOT NULL,
      tags TEXT NOT NULL,
      enabled INTEGER NOT NULL,
      expires_at_ms INTEGER,
      revoked INTEGER NOT NULL
    ) STRICT`,

    // A turn's hold and, after it, how it was resolved: kept as long as a late report can come.
    // state: open, then settled (exact or broken off), released (nothing to charge) or expired (its lease ran
    // out; a later settlement corrects it); refused turns never were open.
    // opened: OpenedTurn; progress: the last Progress reported; settlement: the SettleRequest that resolved it;
    // charge: what has been charged so far (all JSON).
    `CREATE TABLE turns (
      turn_id TEXT PRIMARY KEY,
      state TEXT NOT NULL,
      opened_at_ms INTEGER NOT NULL,
      lease_expires_at_ms INTEGER NOT NULL,
      opened TEXT,
      progress TEXT,
      settlement TEXT,
      charge TEXT
    ) STRICT`,
    'CREATE INDEX turns_by_lease ON turns (state, lease_expires_at_ms)',

    // Settled money per quarter-hour (UTC, index since the epoch) of the turn's admission: any window in any
    // time zone is a sum of these.
    `CREATE TABLE spend (
      quarter INTEGER NOT NULL,
      developer TEXT NOT NULL,
      key_id TEXT NOT NULL,
      line TEXT NOT NULL,
      session TEXT NOT NULL,
      nano_usd INTEGER NOT NULL,
      PRIMARY KEY (quarter, developer, key_id, line, session)
    ) STRICT, WITHOUT ROWID`,
    'CREATE INDEX spend_by_developer ON spend (developer, quarter, nano_usd)',
    'CREATE INDEX spend_by_key ON spend (key_id, quarter, nano_usd)',

    // What the last answered turn of a session's thread tells of the next one; '' is the main loop.
    `CREATE TABLE sessions (
      session TEXT NOT NULL,
      thread TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      history TEXT NOT NULL,
      PRIMARY KEY (session, thread)
    ) STRICT, WITHOUT ROWID`,
    'CREATE INDEX sessions_by_age ON sessions (at_ms)',

    // Each stage is told once per budget, subject and window.
    `CREATE TABLE crossings (
      budget TEXT NOT NULL,
      subject TEXT NOT NULL,
      window_start_ms INTEGER NOT NULL,
      stage TEXT NOT NULL,
      PRIMARY KEY (budget, subject, window_start_ms, stage)
    ) STRICT, WITHOUT ROWID`,

    // Documents on their way to D1, in order.
    `CREATE TABLE outbox (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      destination TEXT NOT NULL,
      document TEXT NOT NULL
    ) STRICT`,
  ],
  [
    // Histories are estimates and now hold other figures: they begin anew.
    'DELETE FROM sessions',

    // When a session began and was last active: its own budgets count from there. It is over after 35 idle days.
    `CREATE TABLE session_spans (
      session TEXT PRIMARY KEY,
      started_at_ms INTEGER NOT NULL,
      last_at_ms INTEGER NOT NULL
    ) STRICT`,
    'CREATE INDEX session_spans_by_age ON session_spans (last_at_ms)',
    // Sums are kept in memory once they were made: an index that holds the money would be written at every settlement.
    'DROP INDEX spend_by_developer',
    'DROP INDEX spend_by_key',
    'CREATE INDEX spend_by_developer ON spend (developer, quarter)',
    'CREATE INDEX spend_by_key ON spend (key_id, quarter)',
    'CREATE INDEX spend_by_session ON spend (session, quarter)',
    // Only the cleaning up looks for turns by age; one that is settled keeps its place there.
    'DROP INDEX turns_by_lease',
    'CREATE INDEX turns_by_age ON turns (opened_at_ms)',

    // The step down that sticks to a thread; step is a core Step, JSON.
    `CREATE TABLE steps (
      session TEXT NOT NULL,
      thread TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      step TEXT NOT NULL,
      PRIMARY KEY (session, thread)
    ) STRICT, WITHOUT ROWID`,

    // Developers' own wishes to step a session down early.
    `CREATE TABLE preferences (
      session TEXT NOT NULL,
      developer TEXT NOT NULL,
      model TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      PRIMARY KEY (session, developer)
    ) STRICT, WITHOUT ROWID`,

    // Models the upstream refused for turns that asked for another: not tried for that pair until then.
    `CREATE TABLE refused_models (
      asked TEXT NOT NULL,
      model TEXT NOT NULL,
      until_ms INTEGER NOT NULL,
      PRIMARY KEY (asked, model)
    ) STRICT, WITHOUT ROWID`,

    // Copies of D1's raises and session_stops, by the same revision as the configuration.
    `CREATE TABLE raises (
      id TEXT PRIMARY KEY,
      budget TEXT NOT NULL,
      subject TEXT,
      extra_nano_usd INTEGER NOT NULL,
      until_ms INTEGER NOT NULL,
      ended INTEGER NOT NULL
    ) STRICT`,
    `CREATE TABLE session_stops (
      session TEXT PRIMARY KEY,
      reason TEXT NOT NULL
    ) STRICT`,
  ],
  [
    // The prices turns were opened with: a core Catalogue with its overrides, JSON. The newest is in force.
    `CREATE TABLE price_books (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      made_at_ms INTEGER NOT NULL,
      document TEXT NOT NULL
    ) STRICT`,
  ],
  [
    // One row: what became of the spans of entries. `queued` ones are in memory, and lost with it.
    `CREATE TABLE telemetry (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      queued INTEGER NOT NULL,
      sent INTEGER NOT NULL,
      lost INTEGER NOT NULL
    ) STRICT`,
    'INSERT INTO telemetry VALUES (1, 0, 0, 0)',
  ],
  [
    // Alert events (JSON) that the delivery object has not taken yet.
    `CREATE TABLE alert_handover (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      document TEXT NOT NULL
    ) STRICT`,
  ],
  [
    // How each session's main loop was served last, by developer, and since when.
    `CREATE TABLE served_sessions (
      session TEXT NOT NULL,
      developer TEXT NOT NULL,
      model_asked TEXT NOT NULL,
      model TEXT NOT NULL,
      decision TEXT NOT NULL,
      reason TEXT,
      since_ms INTEGER NOT NULL,
      PRIMARY KEY (session, developer)
    ) STRICT, WITHOUT ROWID`,
    'CREATE INDEX served_sessions_by_developer ON served_sessions (developer)',

    // Codes of links that were used, until they would have ended by themselves.
    `CREATE TABLE redeemed_codes (
      code TEXT PRIMARY KEY,
      until_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
  [
    // The wallet's own audit chain (audit.ts). document: a ledger WalletAuditEvent, JSON; hash covers it.
    `CREATE TABLE audit_events (
      sequence INTEGER PRIMARY KEY,
      action TEXT NOT NULL,
      target TEXT NOT NULL,
      hash TEXT NOT NULL,
      document TEXT NOT NULL
    ) STRICT`,
    'CREATE INDEX audit_events_by_action ON audit_events (action, sequence)',
    `CREATE TRIGGER audit_events_are_never_changed BEFORE UPDATE ON audit_events
     BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END`,
    `CREATE TRIGGER audit_events_are_never_deleted BEFORE DELETE ON audit_events
     BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END`,
    // One row: up to which event D1 has them.
    `CREATE TABLE audit_sent (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      sequence INTEGER NOT NULL
    ) STRICT`,
    'INSERT INTO audit_sent VALUES (1, 0)',
  ],
  [
    // What guards counted, a row a rollout, side (candidate, base) and signal. version: whose turns these are.
    // evidence: the worth of the bets (core/guards/evidence); bad_turns: the last ids of bad ones; both JSON.
    `CREATE TABLE guard_counts (
      rollout TEXT NOT NULL,
      side TEXT NOT NULL,
      signal TEXT NOT NULL,
      version INTEGER NOT NULL,
      turns INTEGER NOT NULL,
      bad INTEGER NOT NULL,
      evidence TEXT NOT NULL,
      bad_turns TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      PRIMARY KEY (rollout, side, signal)
    ) STRICT, WITHOUT ROWID`,
    // How often a session (for requests: a day and a developer) went badly: each counts only so often.
    `CREATE TABLE guard_subjects (
      rollout TEXT NOT NULL,
      side TEXT NOT NULL,
      signal TEXT NOT NULL,
      subject TEXT NOT NULL,
      bad INTEGER NOT NULL,
      PRIMARY KEY (rollout, side, signal, subject)
    ) STRICT, WITHOUT ROWID`,
    // Watched turns under way, and how the last of each thread was served: its next one tells how that went. JSON.
    `CREATE TABLE guard_turns (
      turn_id TEXT PRIMARY KEY,
      at_ms INTEGER NOT NULL,
      watched TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE guard_threads (
      session TEXT NOT NULL,
      thread TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      served TEXT NOT NULL,
      PRIMARY KEY (session, thread)
    ) STRICT, WITHOUT ROWID`,
    // Guards that tripped: a PolicyTrip as JSON. As long as D1 has not followed, these decide.
    `CREATE TABLE guard_trips (
      rollout TEXT PRIMARY KEY,
      at_ms INTEGER NOT NULL,
      document TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
  [
    // The provider that answered a session last: its prompt cache is there.
    `CREATE TABLE session_providers (
      session TEXT PRIMARY KEY,
      provider TEXT NOT NULL,
      at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
  [
    // The only models a key may use: a JSON array; null: every one that the policy allows.
    'ALTER TABLE virtual_keys ADD COLUMN allowed_models TEXT',
  ],
];
