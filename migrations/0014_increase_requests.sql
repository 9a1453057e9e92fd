-- What developers ask for beyond a budget, and what came of it.
CREATE TABLE increase_requests (
  id TEXT PRIMARY KEY,
  cost_center TEXT NOT NULL REFERENCES cost_centers (id),
  budget TEXT NOT NULL,
  -- day, week, month or session
  window TEXT NOT NULL,
  -- Whom a raise would be for: the developer, key or session; null: everyone the budget counts.
  subject TEXT,
  developer TEXT NOT NULL,
  key_id TEXT NOT NULL,
  extra_nano_usd INTEGER NOT NULL,
  -- Free text of the developer; null once their name gave way to a pseudonym.
  reason TEXT,
  -- pending, approved, denied, expired; one that is pending is over at `expires_at` all the same
  status TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  -- The alert event that told of it.
  event_id TEXT NOT NULL,
  resolved_at TEXT,
  -- The audit log's actor.
  resolved_by TEXT,
  resolution TEXT,
  -- The raise that an approval made, and its amount.
  raise TEXT,
  approved_nano_usd INTEGER,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX increase_requests_pending ON increase_requests (cost_center, budget, developer)
WHERE status = 'pending';
CREATE INDEX increase_requests_by_cost_center ON increase_requests (cost_center, id);
CREATE INDEX increase_requests_by_developer ON increase_requests (developer, id);

-- Links that were acted on: each once, in the transaction of what it did.
CREATE TABLE alert_link_uses (
  id TEXT PRIMARY KEY,
  event_id TEXT NOT NULL,
  cost_center TEXT NOT NULL,
  action TEXT NOT NULL,
  used_at TEXT NOT NULL,
  request_id TEXT NOT NULL
) STRICT;
