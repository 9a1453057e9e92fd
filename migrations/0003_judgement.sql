-- What people may do beside a policy: lift a budget for a while, stop one session, exempt a cost center.
-- One row a raise; it ends by itself at `until`, or earlier where `ended_at` is set. Rows are kept.
CREATE TABLE raises (
  id TEXT PRIMARY KEY,
  cost_center TEXT NOT NULL REFERENCES cost_centers (id),
  -- The id of a budget of the cost center's policies.
  budget TEXT NOT NULL,
  -- The developer, key or session it is for; null: everyone the budget counts.
  subject TEXT,
  extra_nano_usd INTEGER NOT NULL,
  until TEXT NOT NULL,
  reason TEXT NOT NULL,
  ended_at TEXT,
  -- The cost center's revision at this raise's last change.
  revision INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX raises_by_cost_center ON raises (cost_center, revision);

-- Sessions that take no more turns; lifted where `lifted_at` is set.
CREATE TABLE session_stops (
  cost_center TEXT NOT NULL REFERENCES cost_centers (id),
  session TEXT NOT NULL,
  reason TEXT NOT NULL,
  stopped_at TEXT NOT NULL,
  lifted_at TEXT,
  revision INTEGER NOT NULL,
  PRIMARY KEY (cost_center, session)
) STRICT;
CREATE INDEX session_stops_by_revision ON session_stops (cost_center, revision);

-- Until this instant no budget of the cost center warns, steps down or refuses; turns are charged all the same.
ALTER TABLE cost_centers ADD COLUMN exempt_until TEXT;
ALTER TABLE cost_centers ADD COLUMN exempt_reason TEXT;

-- What the upstream's Models API last said of each model, where a key allows to ask.
CREATE TABLE model_lifecycles (
  model TEXT PRIMARY KEY,
  -- active, deprecated, retired
  lifecycle TEXT NOT NULL,
  deprecated_at TEXT,
  retires_at TEXT,
  max_input_tokens INTEGER,
  max_tokens INTEGER,
  -- The `capabilities` object as it came, JSON; 'null' where the API gave none.
  capabilities TEXT NOT NULL,
  -- When this last changed, and when it was last seen.
  changed_at TEXT NOT NULL,
  seen_at TEXT NOT NULL
) STRICT;

-- The route or rule that sent the turn to its model.
ALTER TABLE ledger_entries ADD COLUMN route TEXT;
-- What the turn was expected to cost when it was admitted; null in entries from before this migration.
ALTER TABLE ledger_entries ADD COLUMN expected_nano_usd INTEGER;
-- How far off that was, as a fraction of the charge: 0.1 is a tenth too high. Null where there is nothing to compare.
ALTER TABLE ledger_entries ADD COLUMN estimate_error REAL GENERATED ALWAYS AS (
  CASE WHEN kind = 'charge' AND estimated = 0 AND charged_nano_usd > 0
  THEN (expected_nano_usd - charged_nano_usd) * 1.0 / charged_nano_usd END
) VIRTUAL;

DROP VIEW wallet_configurations;
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
    'exempt_until', c.exempt_until,
    'exempt_reason', c.exempt_reason,
    'lifecycles', (
      SELECT json_group_array(json_object('model', m.model, 'lifecycle', m.lifecycle, 'retires_at', m.retires_at))
      FROM model_lifecycles m
    ),
    'policy_version', p.version,
    'policy', json(p.document)
  ) AS document
FROM cost_centers c
LEFT JOIN policy_versions p ON p.cost_center = c.id AND p.version = c.live_policy_version;
