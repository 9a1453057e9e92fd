-- Dry runs: up to three drafts of a policy, tried on the recorded turns of a cost center. The job itself is an object of
-- the dry run's own (durable-objects/dry-runs), which writes here how far it is and what came of it.
CREATE TABLE dry_runs (
  -- Time-ordered.
  id TEXT PRIMARY KEY,
  cost_center TEXT NOT NULL REFERENCES cost_centers (id),
  -- SHA-256 of what was asked for: drafts, span, standing and the version live at that time.
  digest TEXT NOT NULL,
  -- Half-open span of admission, ISO 8601 in UTC.
  from_at TEXT NOT NULL,
  to_at TEXT NOT NULL,
  -- 1: budgets begin with what was spent in their windows before `from_at`; 0: with nothing.
  seed_standing INTEGER NOT NULL,
  live_policy_version INTEGER,
  -- queued, running; then for good succeeded, failed or cancelled.
  status TEXT NOT NULL,
  -- Why it failed, in a sentence.
  error TEXT,
  rows_done INTEGER NOT NULL,
  -- Null until they are counted.
  rows_total INTEGER,
  created_at TEXT NOT NULL,
  started_at TEXT,
  finished_at TEXT,
  -- When its object's storage, and with it the events, was deleted.
  emptied_at TEXT
) STRICT;
CREATE INDEX dry_runs_by_cost_center ON dry_runs (cost_center, id);
CREATE INDEX dry_runs_by_digest ON dry_runs (cost_center, digest);
CREATE INDEX dry_runs_unfinished ON dry_runs (created_at) WHERE finished_at IS NULL;
CREATE INDEX dry_runs_kept ON dry_runs (finished_at) WHERE emptied_at IS NULL AND finished_at IS NOT NULL;

CREATE TABLE dry_run_drafts (
  dry_run TEXT NOT NULL REFERENCES dry_runs (id),
  -- From 0, as they were asked for.
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  -- The version it is; null for a document that is none.
  version INTEGER,
  -- The policy document as it was given, JSON, and the SHA-256 of its canonical form.
  document TEXT NOT NULL,
  digest TEXT NOT NULL,
  warnings TEXT NOT NULL,
  -- JSON; null until the dry run succeeded.
  result TEXT,
  PRIMARY KEY (dry_run, position)
) STRICT;
CREATE INDEX dry_run_drafts_by_document ON dry_run_drafts (digest);

-- Approvals rest on what came of a dry run.
CREATE TRIGGER dry_runs_keep_their_outcome BEFORE UPDATE OF status, error, finished_at ON dry_runs
WHEN OLD.status IN ('succeeded', 'failed', 'cancelled')
BEGIN SELECT RAISE(ABORT, 'a dry run that is over is never changed'); END;
CREATE TRIGGER dry_runs_keep_what_was_asked BEFORE UPDATE OF
  id, cost_center, digest, from_at, to_at, seed_standing, live_policy_version, created_at
ON dry_runs
BEGIN SELECT RAISE(ABORT, 'what a dry run was asked for is never changed'); END;
CREATE TRIGGER dry_run_drafts_are_never_changed BEFORE UPDATE OF
  dry_run, position, name, version, document, digest, warnings
ON dry_run_drafts
BEGIN SELECT RAISE(ABORT, 'what a dry run was asked for is never changed'); END;
-- But for the name of a developer who left, which gives way to the pseudonym.
CREATE TRIGGER dry_run_results_are_only_pseudonymised BEFORE UPDATE OF result ON dry_run_drafts
WHEN OLD.result IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM pseudonym_mappings m
  WHERE NEW.result IS replace(
    replace(OLD.result, '"developer":' || json_quote(m.developer), '"developer":' || json_quote(m.pseudonym)),
    '"subject":' || json_quote(m.developer), '"subject":' || json_quote(m.pseudonym)
  )
)
BEGIN SELECT RAISE(ABORT, 'the result of a dry run is never changed'); END;
