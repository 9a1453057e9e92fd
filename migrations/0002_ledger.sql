-- One immutable row a billed attempt, refusal, failure or correction; money in nano-USD (10^-9 USD), times ISO 8601 UTC.
-- Written only by durable-objects/ledger from the wallets' outboxes.
CREATE TABLE ledger_entries (
  entry_id TEXT PRIMARY KEY,
  turn_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  kind TEXT NOT NULL,
  corrects TEXT,
  received_at TEXT NOT NULL,
  first_byte_at TEXT,
  last_byte_at TEXT,
  admitted_at TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  open_seq INTEGER NOT NULL,
  settle_seq INTEGER NOT NULL,
  cost_center TEXT NOT NULL,
  developer TEXT NOT NULL,
  key_id TEXT NOT NULL,
  key_tags TEXT NOT NULL,
  session TEXT NOT NULL,
  agent TEXT,
  turn_kind TEXT NOT NULL,
  model_asked TEXT NOT NULL,
  model_served TEXT,
  model_unknown INTEGER NOT NULL,
  provider TEXT,
  upstream_credential TEXT,
  anthropic_version TEXT,
  decision TEXT NOT NULL,
  stage TEXT,
  reasons TEXT NOT NULL,
  decision_inputs TEXT NOT NULL,
  policy_version INTEGER,
  standing TEXT NOT NULL,
  input_tokens INTEGER NOT NULL,
  cache_write_5m_tokens INTEGER NOT NULL,
  cache_write_1h_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  web_search_requests INTEGER NOT NULL,
  service_tier TEXT,
  speed TEXT,
  inference_geo TEXT,
  held_nano_usd INTEGER NOT NULL,
  charged_nano_usd INTEGER NOT NULL,
  list_nano_usd INTEGER NOT NULL,
  list_price_version TEXT NOT NULL,
  charged_price_version TEXT NOT NULL,
  estimated INTEGER NOT NULL,
  estimated_why TEXT,
  http_status INTEGER,
  error_type TEXT,
  stop_reason TEXT,
  upstream_request_id TEXT,
  request_bytes INTEGER NOT NULL,
  response_bytes INTEGER NOT NULL,
  stream INTEGER NOT NULL,
  max_tokens INTEGER,
  total_input_tokens INTEGER NOT NULL,
  new_input_tokens INTEGER NOT NULL,
  message_count INTEGER NOT NULL,
  tools_offered TEXT NOT NULL,
  tools_used TEXT NOT NULL,
  tool_results_failed INTEGER,
  effort TEXT,
  thinking TEXT
) STRICT;
CREATE INDEX ledger_entries_by_cost_center ON ledger_entries (cost_center, entry_id);
CREATE INDEX ledger_entries_by_admission ON ledger_entries (cost_center, admitted_at);
CREATE INDEX ledger_entries_by_developer ON ledger_entries (developer, entry_id);
CREATE INDEX ledger_entries_by_session ON ledger_entries (session, entry_id);
CREATE INDEX ledger_entries_by_turn ON ledger_entries (turn_id);
CREATE TRIGGER ledger_entries_are_never_changed BEFORE UPDATE ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;
CREATE TRIGGER ledger_entries_are_never_deleted BEFORE DELETE ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'ledger entries are never deleted'); END;
-- INSERT OR REPLACE deletes without asking delete triggers.
CREATE TRIGGER ledger_entries_are_never_replaced BEFORE INSERT ON ledger_entries
WHEN EXISTS (SELECT 1 FROM ledger_entries WHERE entry_id = NEW.entry_id)
BEGIN SELECT RAISE(IGNORE); END;

-- Stages crossed and other events somebody should hear of.
CREATE TABLE alert_events (
  event_id TEXT PRIMARY KEY,
  cost_center TEXT NOT NULL,
  "on" TEXT NOT NULL,
  occurred_at TEXT NOT NULL,
  turn_id TEXT,
  session TEXT,
  developer TEXT,
  policy_version INTEGER,
  budget TEXT,
  subject TEXT,
  stage TEXT,
  window_start TEXT,
  resets_at TEXT,
  standing TEXT NOT NULL
) STRICT;
CREATE INDEX alert_events_by_cost_center ON alert_events (cost_center, event_id);
CREATE TRIGGER alert_events_are_never_changed BEFORE UPDATE ON alert_events
BEGIN SELECT RAISE(ABORT, 'alert events are never changed'); END;
CREATE TRIGGER alert_events_are_never_deleted BEFORE DELETE ON alert_events
BEGIN SELECT RAISE(ABORT, 'alert events are never deleted'); END;
-- INSERT OR REPLACE deletes without asking delete triggers.
CREATE TRIGGER alert_events_are_never_replaced BEFORE INSERT ON alert_events
WHEN EXISTS (SELECT 1 FROM alert_events WHERE event_id = NEW.event_id)
BEGIN SELECT RAISE(IGNORE); END;
