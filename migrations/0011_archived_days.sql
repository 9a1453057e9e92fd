-- Archived days in exports, and without the names of developers who left.

-- Exports read the segments of one cost center by day.
CREATE INDEX archive_segments_by_cost_center ON archive_segments (cost_center, day);

-- Whose entries the object of a segment may hold, whatever the segment's state: noted before the object is written,
-- and taken back when it is replaced by one without the name. A name too many costs a look into the object.
CREATE TABLE archive_segment_developers (
  developer TEXT NOT NULL,
  day TEXT NOT NULL,
  cost_center TEXT NOT NULL,
  part INTEGER NOT NULL,
  PRIMARY KEY (developer, day, cost_center, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX archive_segment_developers_by_segment ON archive_segment_developers (day, cost_center, part);
-- Of segments that are there already: everybody who has entries on their day.
INSERT OR IGNORE INTO archive_segment_developers
SELECT r.developer, s.day, s.cost_center, s.part
FROM archive_segments s JOIN daily_rollups r ON r.day = s.day AND r.cost_center = s.cost_center;
INSERT OR IGNORE INTO archive_segment_developers
SELECT e.developer, s.day, s.cost_center, s.part
FROM archive_segments s JOIN ledger_entries e INDEXED BY ledger_entries_by_admission
  ON e.cost_center = s.cost_center AND e.admitted_at BETWEEN s.first_admitted_at AND s.last_admitted_at;

-- Objects that are no segment's, or no segment's any more: kept in mind until they are deleted from the bucket.
CREATE TABLE archive_leftovers (
  object_key TEXT PRIMARY KEY,
  -- Until then whoever began the object may still write it; ISO 8601, by the database's clock.
  not_before TEXT NOT NULL,
  -- 1: it is being deleted, and can be no segment's again.
  claimed INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
-- No entries: a segment that was given up, under whose new key nothing was ever written.
CREATE TRIGGER archive_segments_leave_no_object AFTER UPDATE OF object_key ON archive_segments
WHEN NEW.object_key <> OLD.object_key AND OLD.entries > 0
BEGIN
  DELETE FROM archive_leftovers WHERE object_key = NEW.object_key;
  INSERT INTO archive_leftovers (object_key, not_before) VALUES (OLD.object_key, strftime(
    '%Y-%m-%dT%H:%M:%fZ', 'now', CASE OLD.state WHEN 'writing' THEN '+15 minutes' ELSE '+0 minutes' END
  ));
END;

-- What an archived object holds is fixed; the object itself gives way to another one only where a developer in it is
-- being pseudonymised, and only to one that was noted before it was written and that nobody is deleting.
CREATE TRIGGER archive_segments_keep_their_sums BEFORE UPDATE OF
  day, cost_center, part, entries, charged_nano_usd, list_nano_usd, first_admitted_at, last_admitted_at,
  first_entry_id, last_entry_id
ON archive_segments
WHEN OLD.state IN ('archived', 'restoring', 'restored')
BEGIN SELECT RAISE(ABORT, 'archived segments are never changed'); END;
CREATE TRIGGER archive_segments_are_only_pseudonymised BEFORE UPDATE OF
  object_key, sha256, bytes, compressed_bytes
ON archive_segments
WHEN OLD.state = 'restoring' OR OLD.state IN ('archived', 'restored') AND NOT (
  EXISTS (
    SELECT 1 FROM archive_segment_developers d JOIN pseudonym_mappings m ON m.developer = d.developer
    WHERE d.day = OLD.day AND d.cost_center = OLD.cost_center AND d.part = OLD.part
  )
  AND EXISTS (SELECT 1 FROM archive_leftovers l WHERE l.object_key = NEW.object_key AND l.claimed = 0)
)
BEGIN SELECT RAISE(ABORT, 'archived segments are never changed'); END;

-- An entry may leave D1 only where a verified segment holds it, under the name it has now: one that was renamed since
-- the segment was written stays.
DROP TRIGGER ledger_entries_are_never_deleted;
CREATE TRIGGER ledger_entries_are_never_deleted BEFORE DELETE ON ledger_entries
WHEN NOT EXISTS (
  SELECT 1 FROM archive_segments s JOIN archive_segment_developers d
    ON d.developer = OLD.developer AND d.day = s.day AND d.cost_center = s.cost_center AND d.part = s.part
  WHERE s.day = substr(OLD.admitted_at, 1, 10) AND s.cost_center = OLD.cost_center AND s.state = 'verified'
    AND OLD.admitted_at BETWEEN s.first_admitted_at AND s.last_admitted_at
    AND OLD.entry_id BETWEEN s.first_entry_id AND s.last_entry_id
)
BEGIN SELECT RAISE(ABORT, 'ledger entries are never deleted'); END;

-- Records of reconciliation stay what they are but for one thing: where a mapping is open, the name in it may be
-- replaced by the pseudonym in it. `subject` is a JSON array with the developer in its sixth place.
DROP TRIGGER reconciliations_are_never_changed;
CREATE TRIGGER reconciliations_are_never_changed BEFORE UPDATE OF
  reconciliation_id, kind, level, result, recorded_at, window_start, window_end, cost_center, api_key_id, model,
  ledger_nano_usd, counterpart_nano_usd
ON reconciliations
BEGIN SELECT RAISE(ABORT, 'reconciliations are never changed'); END;
CREATE TRIGGER reconciliations_are_only_pseudonymised BEFORE UPDATE OF developer, subject, evidence ON reconciliations
WHEN NOT EXISTS (
  SELECT 1 FROM pseudonym_mappings m WHERE m.developer = OLD.developer AND m.pseudonym = NEW.developer
)
OR NEW.subject IS NOT json_set(OLD.subject, '$[5]', NEW.developer)
OR NEW.evidence IS NOT replace(
  OLD.evidence, '"developer":' || json_quote(OLD.developer), '"developer":' || json_quote(NEW.developer)
)
BEGIN SELECT RAISE(ABORT, 'reconciliations are never changed'); END;
CREATE INDEX reconciliations_by_developer ON reconciliations (developer) WHERE developer IS NOT NULL;

-- What was renamed under a pseudonym in all calls, for the audit event of the last one.
ALTER TABLE pseudonyms ADD COLUMN archived_objects INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pseudonyms ADD COLUMN reconciliations INTEGER NOT NULL DEFAULT 0;
