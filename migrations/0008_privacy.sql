-- What the ledger came to since its first entry, added up in the transaction that appends the entries
-- (durable-objects/ledger/append.ts): what GET /metrics tells, at the cost of a row a cost center, kind and decision.
-- Every column only grows: corrections downward are counted apart. Entries that are archived stay counted.
CREATE TABLE ledger_totals (
  cost_center TEXT NOT NULL,
  -- charge, correction, refusal, failure
  kind TEXT NOT NULL,
  decision TEXT NOT NULL,
  entries INTEGER NOT NULL,
  charged_nano_usd INTEGER NOT NULL,
  credited_nano_usd INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  PRIMARY KEY (cost_center, kind, decision)
) STRICT, WITHOUT ROWID;
INSERT INTO ledger_totals
SELECT cost_center, kind, decision, count(*),
  sum(max(charged_nano_usd, 0)), sum(max(-charged_nano_usd, 0)),
  sum(max(input_tokens, 0)), sum(max(cache_write_5m_tokens + cache_write_1h_tokens, 0)),
  sum(max(cache_read_tokens, 0)), sum(max(output_tokens, 0))
FROM ledger_entries GROUP BY cost_center, kind, decision;

-- Pseudonyms given to developers who left. Random, and nothing here leads back to a person.
CREATE TABLE pseudonyms (
  pseudonym TEXT PRIMARY KEY,
  created_at TEXT NOT NULL,
  -- When the last row was renamed and the mapping below destroyed; null while it goes on.
  completed_at TEXT
) STRICT;
-- The mapping, only for as long as rows are being renamed: it is deleted with the last of them.
CREATE TABLE pseudonym_mappings (
  developer TEXT PRIMARY KEY,
  pseudonym TEXT NOT NULL UNIQUE REFERENCES pseudonyms (pseudonym)
) STRICT;

-- Entries and events stay immutable but for one thing: where a mapping is open, the name in it may be replaced by
-- the pseudonym in it, in the columns that hold it and nowhere else. A further column of these tables belongs into
-- the list of those that are never changed; test/routes/admin/pseudonymise holds that each one is.
DROP TRIGGER ledger_entries_are_never_changed;
CREATE TRIGGER ledger_entries_are_never_changed BEFORE UPDATE OF
  entry_id, turn_id, attempt, kind, corrects, received_at, first_byte_at, last_byte_at, admitted_at, recorded_at,
  open_seq, settle_seq, cost_center, key_id, session, agent, turn_kind, model_asked, model_served, model_unknown,
  provider, upstream_credential, anthropic_version, decision, stage, reasons, decision_inputs, policy_version,
  input_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, output_tokens, web_search_requests,
  service_tier, speed, inference_geo, held_nano_usd, charged_nano_usd, list_nano_usd, list_price_version,
  charged_price_version, estimated, estimated_why, http_status, error_type, stop_reason, upstream_request_id,
  request_bytes, response_bytes, stream, max_tokens, total_input_tokens, new_input_tokens, message_count,
  tools_offered, tools_used, tool_results_failed, effort, thinking, route, expected_nano_usd,
  asked_nano_usd
ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;
CREATE TRIGGER ledger_entries_are_only_pseudonymised BEFORE UPDATE OF developer, key_tags, standing ON ledger_entries
WHEN NOT EXISTS (
  SELECT 1 FROM pseudonym_mappings m WHERE m.developer = OLD.developer AND m.pseudonym = NEW.developer
)
OR NEW.key_tags IS NOT replace(OLD.key_tags, ':' || json_quote(OLD.developer), ':' || json_quote(NEW.developer))
OR NEW.standing IS NOT replace(
  OLD.standing,
  '"scope":"developer","subject":' || json_quote(OLD.developer),
  '"scope":"developer","subject":' || json_quote(NEW.developer)
)
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;

DROP TRIGGER alert_events_are_never_changed;
CREATE TRIGGER alert_events_are_never_changed BEFORE UPDATE OF
  event_id, cost_center, "on", occurred_at, turn_id, session, policy_version, budget, stage, window_start, resets_at
ON alert_events
BEGIN SELECT RAISE(ABORT, 'alert events are never changed'); END;
CREATE TRIGGER alert_events_are_only_pseudonymised BEFORE UPDATE OF developer, subject, standing ON alert_events
WHEN NOT EXISTS (
  SELECT 1 FROM pseudonym_mappings m WHERE m.developer = OLD.developer AND m.pseudonym = NEW.developer
)
OR NEW.subject IS NOT iif(OLD.subject = OLD.developer, NEW.developer, OLD.subject)
OR NEW.standing IS NOT replace(
  OLD.standing,
  '"scope":"developer","subject":' || json_quote(OLD.developer),
  '"scope":"developer","subject":' || json_quote(NEW.developer)
)
BEGIN SELECT RAISE(ABORT, 'alert events are never changed'); END;
CREATE INDEX alert_events_by_developer ON alert_events (developer, event_id);
CREATE INDEX virtual_keys_by_developer ON virtual_keys (developer);

-- Audit events name developers as the value of "developer" (keys, holds) or "subject" (raises), each a whole string.
DROP TRIGGER audit_events_are_never_changed;
CREATE TRIGGER audit_events_are_never_changed BEFORE UPDATE OF
  sequence, occurred_at, actor, action, cost_center, target, request_id
ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;
CREATE TRIGGER audit_events_are_only_pseudonymised BEFORE UPDATE OF before, after ON audit_events
WHEN NOT EXISTS (
  SELECT 1 FROM pseudonym_mappings m
  WHERE NEW.before IS replace(
    replace(OLD.before, '"developer":' || json_quote(m.developer), '"developer":' || json_quote(m.pseudonym)),
    '"subject":' || json_quote(m.developer), '"subject":' || json_quote(m.pseudonym)
  )
  AND NEW.after IS replace(
    replace(OLD.after, '"developer":' || json_quote(m.developer), '"developer":' || json_quote(m.pseudonym)),
    '"subject":' || json_quote(m.developer), '"subject":' || json_quote(m.pseudonym)
  )
)
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;
