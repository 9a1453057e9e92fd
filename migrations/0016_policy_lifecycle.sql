-- A policy version's way: draft, submitted, approved, scheduled or canary, live, retired; or rejected.

-- Who wrote the document, in order, each once: a JSON array of the audit log's actors. Empty where nobody knows.
ALTER TABLE policy_versions ADD COLUMN authors TEXT NOT NULL DEFAULT '[]';
-- What was live when the version was submitted, and what its approval is meant against; null: nothing was.
ALTER TABLE policy_versions ADD COLUMN base_version INTEGER;
ALTER TABLE policy_versions ADD COLUMN note TEXT;
ALTER TABLE policy_versions ADD COLUMN submitted_at TEXT;
ALTER TABLE policy_versions ADD COLUMN submitted_by TEXT;
ALTER TABLE policy_versions ADD COLUMN approval_note TEXT;
ALTER TABLE policy_versions ADD COLUMN approved_at TEXT;
ALTER TABLE policy_versions ADD COLUMN approved_by TEXT;
-- The dry run that the approval rests on.
ALTER TABLE policy_versions ADD COLUMN dry_run TEXT;
ALTER TABLE policy_versions ADD COLUMN rejected_at TEXT;
ALTER TABLE policy_versions ADD COLUMN rejected_by TEXT;
ALTER TABLE policy_versions ADD COLUMN rejection_reason TEXT;
-- When a scheduled version takes the live one's place: by the wallet's clock, whether D1 has followed or not.
ALTER TABLE policy_versions ADD COLUMN activate_at TEXT;
-- {payload, signature} as JSON: the document with who approved it, in canonical form (RFC 8785), signed (Ed25519).
ALTER TABLE policy_versions ADD COLUMN signed TEXT;
-- 1: it was live before versions were signed, so that it may be signed without an approval.
ALTER TABLE policy_versions ADD COLUMN legacy INTEGER NOT NULL DEFAULT 0;

-- At most one a cost center.
ALTER TABLE cost_centers ADD COLUMN scheduled_policy_version INTEGER;
CREATE INDEX cost_centers_scheduled ON cost_centers (id) WHERE scheduled_policy_version IS NOT NULL;

UPDATE policy_versions SET legacy = 1 WHERE activated_at IS NOT NULL;
CREATE INDEX policy_versions_to_sign ON policy_versions (cost_center, version) WHERE legacy = 1 AND signed IS NULL;

UPDATE policy_versions SET authors = coalesce((
  SELECT json_array(e.actor) FROM audit_events e
  WHERE e.cost_center = policy_versions.cost_center
    AND e.action = 'policy.create' AND e.target = CAST(policy_versions.version AS TEXT)
), '[]');

CREATE TRIGGER policy_documents_change_as_drafts_only BEFORE UPDATE OF document ON policy_versions
WHEN OLD.state <> 'draft' AND NEW.document IS NOT OLD.document
BEGIN SELECT RAISE(ABORT, 'a policy version that was submitted is never changed'); END;
CREATE TRIGGER policy_versions_keep_their_numbers BEFORE UPDATE OF cost_center, version, legacy ON policy_versions
WHEN (NEW.cost_center, NEW.version, NEW.legacy) IS NOT (OLD.cost_center, OLD.version, OLD.legacy)
BEGIN SELECT RAISE(ABORT, 'a policy version is never renumbered'); END;
CREATE TRIGGER policy_versions_have_known_states BEFORE UPDATE OF state ON policy_versions
WHEN NEW.state NOT IN ('draft', 'submitted', 'approved', 'scheduled', 'canary', 'live', 'retired', 'rejected')
BEGIN SELECT RAISE(ABORT, 'unknown state of a policy version'); END;
CREATE TRIGGER policy_versions_are_never_deleted BEFORE DELETE ON policy_versions
BEGIN SELECT RAISE(ABORT, 'policy versions are never deleted'); END;
CREATE TRIGGER policy_versions_begin_anew BEFORE INSERT ON policy_versions
WHEN NEW.legacy <> 0
BEGIN SELECT RAISE(ABORT, 'no new policy version is a legacy one'); END;
-- INSERT OR REPLACE deletes without asking delete triggers.
CREATE TRIGGER policy_versions_are_never_replaced BEFORE INSERT ON policy_versions
WHEN EXISTS (SELECT 1 FROM policy_versions WHERE cost_center = NEW.cost_center AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'policy versions are never replaced'); END;
