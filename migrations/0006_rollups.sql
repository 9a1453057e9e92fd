-- What stays of the ledger for ever, and what lets its old rows leave D1: daily roll-ups, closed months, archive.
-- A "unit" is one UTC day of admission of one cost center.

-- Names a cost center has had, each from an instant on. Written with the change that gives the name.
CREATE TABLE cost_center_names (
  cost_center TEXT NOT NULL REFERENCES cost_centers (id),
  from_at TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (cost_center, from_at)
) STRICT, WITHOUT ROWID;
INSERT INTO cost_center_names (cost_center, from_at, name) SELECT id, created_at, name FROM cost_centers;
-- Each name with the half-open span it was in force; null: it still is.
CREATE VIEW cost_center_name_spans AS
SELECT
  cost_center,
  name,
  from_at,
  lead(from_at) OVER (PARTITION BY cost_center ORDER BY from_at) AS until_at
FROM cost_center_names;

-- Months (UTC, 'yyyy-mm') that finance has closed, with what was booked in them when they were.
CREATE TABLE closed_months (
  month TEXT PRIMARY KEY,
  closed_at TEXT NOT NULL,
  closed_by TEXT NOT NULL,
  reason TEXT,
  entries INTEGER NOT NULL,
  charged_nano_usd INTEGER NOT NULL,
  list_nano_usd INTEGER NOT NULL
) STRICT;
CREATE TRIGGER closed_months_are_never_changed BEFORE UPDATE ON closed_months
BEGIN SELECT RAISE(ABORT, 'closed months are never changed'); END;
CREATE TRIGGER closed_months_are_never_deleted BEFORE DELETE ON closed_months
BEGIN SELECT RAISE(ABORT, 'closed months are never deleted'); END;

-- Entries that came to the ledger after the month of their admission was closed, and when they are booked instead:
-- when they were recorded, or at the beginning of the first open month after that.
CREATE TABLE late_bookings (
  entry_id TEXT PRIMARY KEY,
  booked_at TEXT NOT NULL,
  booked_month TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Old entries that are kept as compressed NDJSON outside of D1, one row an object. States, in this order:
-- writing (the object may not be there yet), verified (read back and compared: its rows may leave D1),
-- archived (they have left), restoring (they are coming back), restored (they are back; the object stays).
CREATE TABLE archive_segments (
  day TEXT NOT NULL,
  cost_center TEXT NOT NULL,
  -- From 1: a large unit, or one that got late entries or was restored, has several.
  part INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('writing', 'verified', 'archived', 'restoring', 'restored')),
  object_key TEXT NOT NULL,
  entries INTEGER NOT NULL,
  charged_nano_usd INTEGER NOT NULL,
  list_nano_usd INTEGER NOT NULL,
  first_admitted_at TEXT NOT NULL,
  last_admitted_at TEXT NOT NULL,
  first_entry_id TEXT NOT NULL,
  last_entry_id TEXT NOT NULL,
  -- Of the NDJSON before compression, hexadecimal.
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  compressed_bytes INTEGER NOT NULL,
  written_at TEXT NOT NULL,
  verified_at TEXT,
  archived_at TEXT,
  restored_at TEXT,
  PRIMARY KEY (day, cost_center, part)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER archive_segments_are_never_deleted BEFORE DELETE ON archive_segments
BEGIN SELECT RAISE(ABORT, 'archive segments are never deleted'); END;

-- An entry may leave D1 only where a verified segment holds it.
DROP TRIGGER ledger_entries_are_never_deleted;
CREATE TRIGGER ledger_entries_are_never_deleted BEFORE DELETE ON ledger_entries
WHEN NOT EXISTS (
  SELECT 1 FROM archive_segments s
  WHERE s.day = substr(OLD.admitted_at, 1, 10) AND s.cost_center = OLD.cost_center AND s.state = 'verified'
    AND OLD.admitted_at BETWEEN s.first_admitted_at AND s.last_admitted_at
    AND OLD.entry_id BETWEEN s.first_entry_id AND s.last_entry_id
)
BEGIN SELECT RAISE(ABORT, 'ledger entries are never deleted'); END;

-- Which units are rolled up, and up to which entry.
CREATE TABLE rollup_days (
  day TEXT NOT NULL,
  cost_center TEXT NOT NULL,
  -- 1: entries came since, the unit is to be rolled up anew.
  dirty INTEGER NOT NULL,
  -- Of the entries that are in D1, as of `rolled_up_at`.
  entries INTEGER NOT NULL,
  last_entry_id TEXT,
  rolled_up_at TEXT,
  PRIMARY KEY (day, cost_center)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollup_days_that_are_dirty ON rollup_days (day) WHERE dirty = 1;
INSERT INTO rollup_days (day, cost_center, dirty, entries)
SELECT DISTINCT substr(admitted_at, 1, 10), cost_center, 1, 0 FROM ledger_entries;

-- Runs in the transaction that adds the entry, so that a roll-up either has it or is known to lack it.
-- Nothing is written where the unit is marked already; a restore rolls its unit up itself.
CREATE TRIGGER ledger_entries_make_their_day_dirty AFTER INSERT ON ledger_entries
WHEN NOT EXISTS (
  SELECT 1 FROM rollup_days
  WHERE day = substr(NEW.admitted_at, 1, 10) AND cost_center = NEW.cost_center AND dirty = 1
) AND NOT EXISTS (
  SELECT 1 FROM archive_segments s
  WHERE s.day = substr(NEW.admitted_at, 1, 10) AND s.cost_center = NEW.cost_center AND s.state = 'restoring'
    AND NEW.entry_id BETWEEN s.first_entry_id AND s.last_entry_id
)
BEGIN
  INSERT INTO rollup_days (day, cost_center, dirty, entries)
  VALUES (substr(NEW.admitted_at, 1, 10), NEW.cost_center, 1, 0)
  ON CONFLICT (day, cost_center) DO UPDATE SET dirty = 1;
END;

-- An entry that is restored keeps the booking it had.
CREATE TRIGGER ledger_entries_of_closed_months AFTER INSERT ON ledger_entries
WHEN EXISTS (SELECT 1 FROM closed_months WHERE month = substr(NEW.admitted_at, 1, 7))
AND NOT EXISTS (
  SELECT 1 FROM archive_segments s
  WHERE s.day = substr(NEW.admitted_at, 1, 10) AND s.cost_center = NEW.cost_center AND s.state = 'restoring'
    AND NEW.entry_id BETWEEN s.first_entry_id AND s.last_entry_id
)
BEGIN
  INSERT INTO late_bookings (entry_id, booked_at, booked_month)
  SELECT NEW.entry_id, instant, substr(instant, 1, 7) FROM (
    SELECT CASE
      WHEN NOT EXISTS (SELECT 1 FROM closed_months WHERE month = substr(NEW.recorded_at, 1, 7)) THEN NEW.recorded_at
      ELSE (
        SELECT min(next) FROM (
          SELECT strftime('%Y-%m', month || '-01', '+1 month') AS next FROM closed_months
          WHERE month >= substr(NEW.recorded_at, 1, 7)
        ) WHERE next NOT IN (SELECT month FROM closed_months)
      ) || '-01T00:00:00.000Z'
    END AS instant
  );
END;

-- Every entry with the instant and month (UTC) it is booked in: its admission, unless that month was closed before.
CREATE VIEW booked_entries AS
SELECT
  e.*,
  coalesce(b.booked_at, e.admitted_at) AS booked_at,
  coalesce(b.booked_month, substr(e.admitted_at, 1, 7)) AS booked_month
FROM ledger_entries e
LEFT JOIN late_bookings b ON b.entry_id = e.entry_id;

-- Sums of the ledger that are kept for ever. Made from the entries, and only from them; sum over all rows of a day,
-- whatever their `part`. Money in nano-USD.
CREATE TABLE daily_rollups (
  -- The UTC day of admission.
  day TEXT NOT NULL,
  cost_center TEXT NOT NULL,
  -- 0: of entries in D1; n: of those in the unit's archived segment n.
  part INTEGER NOT NULL,
  -- 'yyyy-mm'; another month than the day's where that was closed before the entries came.
  booked_month TEXT NOT NULL,
  developer TEXT NOT NULL,
  key_id TEXT NOT NULL,
  turn_kind TEXT NOT NULL,
  model_asked TEXT NOT NULL,
  model_served TEXT,
  provider TEXT,
  upstream_credential TEXT,
  decision TEXT NOT NULL,
  stage TEXT,
  route TEXT,
  service_tier TEXT,
  speed TEXT,
  inference_geo TEXT,
  charges INTEGER NOT NULL,
  corrections INTEGER NOT NULL,
  refusals INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  -- Entries marked estimated, and what they charge; a later correction is no part of either.
  estimated INTEGER NOT NULL,
  estimated_nano_usd INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  cache_write_5m_tokens INTEGER NOT NULL,
  cache_write_1h_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  web_search_requests INTEGER NOT NULL,
  charged_nano_usd INTEGER NOT NULL,
  list_nano_usd INTEGER NOT NULL
) STRICT;
CREATE INDEX daily_rollups_by_day ON daily_rollups (day, cost_center, part);
CREATE INDEX daily_rollups_booked_late ON daily_rollups (booked_month) WHERE booked_month <> substr(day, 1, 7);
