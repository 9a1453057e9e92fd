-- The chain over the audit log: every event's hash covers the one before. SQLite has no SHA-256, so the Worker computes
-- the hashes and D1 holds their order: a link that does not follow the last one is refused, and with it the whole batch.

-- One row an event. `hash` covers what is never changed of the event, `content_digest` and `previous_hash`;
-- `content_digest` covers before, after and `salt`. Hexadecimal; the first link follows 64 zeros.
CREATE TABLE audit_chain (
  sequence INTEGER PRIMARY KEY REFERENCES audit_events (sequence),
  -- Random: nobody can find out a name that was in an event by trying names on its digest. Replaced with the name.
  salt TEXT NOT NULL,
  content_digest TEXT NOT NULL,
  previous_hash TEXT NOT NULL UNIQUE,
  hash TEXT NOT NULL UNIQUE
) STRICT;
-- Events are chained in their order, and none is left out: those from before this table are chained first.
CREATE TRIGGER audit_chain_follows_its_head BEFORE INSERT ON audit_chain
WHEN NEW.previous_hash IS NOT coalesce(
  (SELECT hash FROM audit_chain ORDER BY sequence DESC LIMIT 1),
  '0000000000000000000000000000000000000000000000000000000000000000'
)
OR NEW.sequence IS NOT (
  SELECT min(sequence) FROM audit_events
  WHERE sequence > coalesce((SELECT max(sequence) FROM audit_chain), 0)
)
BEGIN SELECT RAISE(ABORT, 'the audit chain has moved'); END;
CREATE TRIGGER audit_chain_is_never_changed BEFORE UPDATE OF sequence, content_digest, previous_hash, hash ON audit_chain
BEGIN SELECT RAISE(ABORT, 'the audit chain is never changed'); END;
CREATE TRIGGER audit_chain_is_only_salted_anew BEFORE UPDATE OF salt ON audit_chain
WHEN NOT EXISTS (SELECT 1 FROM pseudonym_mappings)
BEGIN SELECT RAISE(ABORT, 'the audit chain is never changed'); END;
CREATE TRIGGER audit_chain_is_never_deleted BEFORE DELETE ON audit_chain
BEGIN SELECT RAISE(ABORT, 'the audit chain is never deleted'); END;

-- An event that was decided on an older head fails, instead of being left out in silence.
DROP TRIGGER audit_events_are_never_replaced;
CREATE TRIGGER audit_events_are_never_replaced BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'the audit chain has moved'); END;

-- The verifier looks for these two kinds by themselves.
CREATE INDEX audit_events_that_rewrite ON audit_events (sequence) WHERE action = 'audit.pseudonymised';
CREATE INDEX audit_events_that_anchor ON audit_events (target, sequence) WHERE action = 'audit.anchor';

-- The chains of the wallets: what happened in them that is no entry of the ledger. Each wallet numbers and hashes its
-- own events; they come through its outbox. Two events of one number are both kept: the verifier tells of it.
CREATE TABLE wallet_audit_events (
  cost_center TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  occurred_at TEXT NOT NULL,
  -- 'key:<id>', 'admin', 'link', 'wallet', 'gateway': never a person's name.
  actor TEXT NOT NULL,
  -- 'hold.end', 'configuration.apply', …
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  -- JSON.
  details TEXT NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (cost_center, sequence, hash)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER wallet_audit_events_are_never_changed BEFORE UPDATE ON wallet_audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;
CREATE TRIGGER wallet_audit_events_are_never_deleted BEFORE DELETE ON wallet_audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;
-- INSERT OR REPLACE deletes without asking delete triggers.
CREATE TRIGGER wallet_audit_events_are_never_replaced BEFORE INSERT ON wallet_audit_events
WHEN EXISTS (
  SELECT 1 FROM wallet_audit_events
  WHERE cost_center = NEW.cost_center AND sequence = NEW.sequence AND hash = NEW.hash
)
BEGIN SELECT RAISE(IGNORE); END;

-- How far the anchors have come: bookkeeping for the scheduled run. The anchors themselves are audit events, and a
-- verifier reads those.
CREATE TABLE anchored_wallets (
  cost_center TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  -- The finished day of the anchor: once a day is enough.
  day TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE anchored_ledger_days (
  day TEXT NOT NULL,
  cost_center TEXT NOT NULL,
  entries INTEGER NOT NULL,
  hash TEXT NOT NULL,
  -- Of the roll-up that the hash was made after; a later one means that entries came since.
  rolled_up_at TEXT NOT NULL,
  PRIMARY KEY (day, cost_center)
) STRICT, WITHOUT ROWID;
