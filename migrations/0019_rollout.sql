-- How versions came into force: one row an activation that a guard watches.
CREATE TABLE policy_rollouts (
  id TEXT PRIMARY KEY,
  cost_center TEXT NOT NULL REFERENCES cost_centers (id),
  version INTEGER NOT NULL,
  -- canary: for a share of sessions, beside the live version. live: for all, in its place.
  kind TEXT NOT NULL CHECK (kind IN ('canary', 'live')),
  -- Of a canary: 1 to 999,999.
  share_millionths INTEGER CHECK ((kind = 'canary') = (share_millionths IS NOT NULL)),
  -- What the guard holds the version against, and what decides once it tripped.
  base_version INTEGER NOT NULL,
  -- The signals that are watched: a JSON array.
  guards TEXT NOT NULL,
  started_at TEXT NOT NULL,
  -- Null: as long as the canary lasts.
  watch_until TEXT,
  ended_at TEXT,
  -- promoted, replaced, ended, tripped, base_gone (it names a developer who has a pseudonym now)
  ended_why TEXT
) STRICT;
-- At most one canary a cost center, and one live version.
CREATE UNIQUE INDEX policy_rollouts_open ON policy_rollouts (cost_center, kind) WHERE ended_at IS NULL;
CREATE INDEX policy_rollouts_by_version ON policy_rollouts (cost_center, version, started_at);
-- A canary of a deployment without approvals is a draft again when it ends; by then the ledger names its number.
CREATE TRIGGER policy_documents_that_decided_never_change BEFORE UPDATE OF document ON policy_versions
WHEN NEW.document IS NOT OLD.document AND EXISTS (
  SELECT 1 FROM policy_rollouts WHERE cost_center = OLD.cost_center AND version = OLD.version
)
BEGIN SELECT RAISE(ABORT, 'a policy version that decided is never changed'); END;

-- The signals to be watched of a version that goes live at its instant; null: all.
ALTER TABLE policy_versions ADD COLUMN guards TEXT;

-- Guards that tripped, as their wallets told it: by then the base version decides there already.
CREATE TABLE policy_trips (
  -- At most one a rollout.
  rollout TEXT PRIMARY KEY,
  cost_center TEXT NOT NULL,
  version INTEGER NOT NULL,
  base_version INTEGER NOT NULL,
  signal TEXT NOT NULL,
  occurred_at TEXT NOT NULL,
  -- {signal, turns, bad, base_turns, base_bad, tolerated_rate, e_value, trips_at, bad_turns} as JSON.
  evidence TEXT NOT NULL,
  -- When the versions' states followed, and what came of it: rolled_back, or superseded by somebody's change.
  followed_at TEXT,
  outcome TEXT
) STRICT;
CREATE INDEX policy_trips_to_follow ON policy_trips (cost_center) WHERE followed_at IS NULL;
CREATE TRIGGER policy_trips_keep_their_evidence BEFORE UPDATE OF rollout, cost_center, version, base_version, signal, occurred_at, evidence ON policy_trips
BEGIN SELECT RAISE(ABORT, 'a trip is never changed'); END;
CREATE TRIGGER policy_trips_are_never_deleted BEFORE DELETE ON policy_trips
BEGIN SELECT RAISE(ABORT, 'trips are never deleted'); END;

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
    -- Ended ones concern no further turn; one that runs out does so by the wallet's clock.
    'price_overrides', (
      SELECT json_group_array(json_object(
        'id', o.id,
        'model', o.model,
        'percent_off_millionths', o.percent_off_millionths,
        'prices', CASE WHEN o.input_pico_usd IS NOT NULL THEN json_object(
          'input', o.input_pico_usd,
          'cacheWrite5m', o.cache_write_5m_pico_usd,
          'cacheWrite1h', o.cache_write_1h_pico_usd,
          'cacheRead', o.cache_read_pico_usd,
          'output', o.output_pico_usd
        ) END,
        'effective_from', o.effective_from,
        'effective_until', o.effective_until
      ))
      FROM (SELECT * FROM price_overrides WHERE ended_at IS NULL ORDER BY id) o
    ),
    'policy_version', p.version,
    'policy', json(p.document),
    -- Without the document, which is above: whoever verifies puts it back, so that another one cannot pass.
    'policy_signed', json(json_remove(p.signed, '$.payload.policy')),
    'scheduled_policy', json(CASE WHEN s.version IS NOT NULL THEN json_object(
      'version', s.version,
      'activate_at', s.activate_at,
      'policy', json(s.document),
      'signed', json(json_remove(s.signed, '$.payload.policy'))
    ) END),
    -- A canary brings its document, a version that went live that of the one it took the place of.
    'rollouts', (
      SELECT json_group_array(json_object(
        'id', r.id,
        'kind', r.kind,
        'version', r.version,
        'share_millionths', r.share_millionths,
        'base_version', r.base_version,
        'guards', json(r.guards),
        'watch_until', r.watch_until,
        'policy_version', v.version,
        'policy', json(v.document),
        'policy_signed', json(json_remove(v.signed, '$.payload.policy'))
      ))
      FROM policy_rollouts r
      JOIN policy_versions v ON v.cost_center = r.cost_center
        AND v.version = iif(r.kind = 'canary', r.version, r.base_version)
      WHERE r.cost_center = c.id AND r.ended_at IS NULL
    )
  ) AS document
FROM cost_centers c
LEFT JOIN policy_versions p ON p.cost_center = c.id AND p.version = c.live_policy_version
LEFT JOIN policy_versions s ON s.cost_center = c.id AND s.version = c.scheduled_policy_version
  AND s.state = 'scheduled';
