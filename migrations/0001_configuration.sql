-- What admins configure. True here; each wallet holds a copy with a revision.
CREATE TABLE cost_centers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  timezone TEXT NOT NULL,
  manager_name TEXT,
  manager_email TEXT,
  manager_slack_user_id TEXT,
  -- Where the wallet's storage must stay ('eu'); null: anywhere. Fixed at creation.
  jurisdiction TEXT,
  -- Counts every change of the cost center, its keys and its policies; wallets compare it.
  revision INTEGER NOT NULL,
  archived_at TEXT,
  paused_at TEXT,
  paused_until TEXT,
  paused_reason TEXT,
  live_policy_version INTEGER,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE virtual_keys (
  id TEXT PRIMARY KEY,
  cost_center TEXT NOT NULL REFERENCES cost_centers (id),
  developer TEXT NOT NULL,
  name TEXT,
  -- JSON object of strings.
  tags TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  expires_at TEXT,
  revoked_at TEXT,
  -- The key this one replaced in a rotation.
  replaces TEXT,
  -- The cost center's revision at this key's last change.
  revision INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX virtual_keys_by_cost_center ON virtual_keys (cost_center, revision);

CREATE TABLE policy_versions (
  cost_center TEXT NOT NULL REFERENCES cost_centers (id),
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  -- The document as it was given, JSON.
  document TEXT NOT NULL,
  warnings TEXT NOT NULL,
  created_at TEXT NOT NULL,
  activated_at TEXT,
  PRIMARY KEY (cost_center, version)
) STRICT;

CREATE TABLE audit_events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  occurred_at TEXT NOT NULL,
  actor TEXT NOT NULL,
  -- 'cost_center.create', 'key.revoke', …
  action TEXT NOT NULL,
  cost_center TEXT,
  target TEXT NOT NULL,
  -- JSON, null where there was nothing before or is nothing after. Never holds a secret.
  before TEXT,
  after TEXT,
  request_id TEXT NOT NULL
) STRICT;
CREATE INDEX audit_events_by_cost_center ON audit_events (cost_center, sequence);
CREATE TRIGGER audit_events_are_never_changed BEFORE UPDATE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;
CREATE TRIGGER audit_events_are_never_deleted BEFORE DELETE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;
-- INSERT OR REPLACE deletes without asking delete triggers.
CREATE TRIGGER audit_events_are_never_replaced BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(IGNORE); END;

-- What a wallet copies, one row a cost center: the contract between the tables above and the wallet.
CREATE VIEW wallet_configurations AS
SELECT
  c.id AS cost_center,
  c.revision AS revision,
  json_object(
    'id', c.id,
    'name', c.name,
    'timezone', c.timezone,
    'manager', json_object('name', c.manager_name, 'email', c.manager_email),
    'archived_at', c.archived_at,
    'paused_at', c.paused_at,
    'paused_until', c.paused_until,
    'paused_reason', c.paused_reason,
    'policy_version', p.version,
    'policy', json(p.document)
  ) AS document
FROM cost_centers c
LEFT JOIN policy_versions p ON p.cost_center = c.id AND p.version = c.live_policy_version;
