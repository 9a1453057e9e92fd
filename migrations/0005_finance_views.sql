-- Views that read like a report; docs/finance.md documents them column by column.
-- Money is integer nano-USD (10^-9 USD), and beside it USD as a real number for reading. Days and months are UTC.

-- The days and months there can be in a report. Joined by their ends, a day or a month is a range of `admitted_at`,
-- which an index can serve; days beyond the calendar are in no report.
CREATE TABLE report_days (day TEXT PRIMARY KEY, next_day TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO report_days (day, next_day)
WITH RECURSIVE days (day) AS (
  SELECT '2024-01-01' UNION ALL SELECT date(day, '+1 day') FROM days WHERE day < '2059-12-31'
)
SELECT day, date(day, '+1 day') FROM days;
CREATE TABLE report_months (
  month TEXT PRIMARY KEY,
  first_day TEXT NOT NULL,
  -- The first day of the month after.
  next_day TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO report_months (month, first_day, next_day)
SELECT substr(day, 1, 7), day, date(day, '+1 month') FROM report_days WHERE day LIKE '%-01';

-- All that spend needs, so that a report reads this index and never the entries, which are ten times as wide. Only
-- the table's first 63 columns: SQLite takes no index for one that covers a column after those.
CREATE INDEX ledger_entries_by_instant ON ledger_entries (
  admitted_at, cost_center, developer, model_served, turn_kind, provider, kind, estimated,
  charged_nano_usd, list_nano_usd, input_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
  cache_read_tokens, output_tokens, web_search_requests, session
);
-- The rare ones; their views name them, for the planner would rather build one of its own.
CREATE INDEX ledger_entries_redirected ON ledger_entries (admitted_at) WHERE decision IN ('downgrade', 'route');
CREATE INDEX ledger_entries_refused ON ledger_entries (admitted_at) WHERE kind = 'refusal';
CREATE INDEX ledger_entries_estimated ON ledger_entries (admitted_at) WHERE kind = 'charge' AND estimated = 1;

-- What the reports count, one row an entry. An entry counts on the day on which its turn was
-- admitted, and a correction on the day of the admission that it corrects: `admitted_at` is the turn's in both.
CREATE VIEW report_entries AS
SELECT
  admitted_at,
  cost_center,
  developer,
  session,
  coalesce(model_served, 'none') AS model,
  turn_kind,
  coalesce(provider, 'unknown') AS provider,
  kind,
  estimated,
  charged_nano_usd,
  list_nano_usd,
  input_tokens,
  cache_write_5m_tokens,
  cache_write_1h_tokens,
  cache_read_tokens,
  output_tokens,
  web_search_requests
FROM ledger_entries;

CREATE VIEW report_daily_spend AS
SELECT
  d.day AS day,
  cost_center,
  developer,
  model,
  turn_kind,
  provider,
  count(*) FILTER (WHERE kind = 'charge') AS charges,
  count(*) FILTER (WHERE kind = 'correction') AS corrections,
  count(*) FILTER (WHERE kind = 'refusal') AS refusals,
  count(*) FILTER (WHERE kind = 'failure') AS failures,
  count(*) FILTER (WHERE kind = 'charge' AND estimated = 1) AS estimated_charges,
  sum(input_tokens) AS input_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(output_tokens) AS output_tokens,
  sum(web_search_requests) AS web_search_requests,
  sum(list_nano_usd) AS list_nano_usd,
  sum(charged_nano_usd) AS charged_nano_usd,
  sum(charged_nano_usd) / 1e9 AS charged_usd
FROM report_days d CROSS JOIN report_entries e ON e.admitted_at >= d.day AND e.admitted_at < d.next_day
GROUP BY d.day, cost_center, developer, model, turn_kind, provider;

CREATE VIEW report_monthly_spend AS
SELECT
  m.month AS month,
  cost_center,
  developer,
  model,
  turn_kind,
  provider,
  count(*) FILTER (WHERE kind = 'charge') AS charges,
  count(*) FILTER (WHERE kind = 'correction') AS corrections,
  count(*) FILTER (WHERE kind = 'refusal') AS refusals,
  count(*) FILTER (WHERE kind = 'failure') AS failures,
  count(*) FILTER (WHERE kind = 'charge' AND estimated = 1) AS estimated_charges,
  sum(input_tokens) AS input_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(output_tokens) AS output_tokens,
  sum(web_search_requests) AS web_search_requests,
  sum(list_nano_usd) AS list_nano_usd,
  sum(charged_nano_usd) AS charged_nano_usd,
  sum(charged_nano_usd) / 1e9 AS charged_usd
FROM report_months m CROSS JOIN report_entries e ON e.admitted_at >= m.first_day AND e.admitted_at < m.next_day
GROUP BY m.month, cost_center, developer, model, turn_kind, provider;

-- One line an invoice: what a cost center owes for a month.
CREATE VIEW report_chargeback AS
SELECT
  m.month AS month,
  e.cost_center AS cost_center,
  (SELECT name FROM cost_centers c WHERE c.id = e.cost_center) AS cost_center_name,
  count(DISTINCT e.developer) AS developers,
  count(*) FILTER (WHERE kind = 'charge') AS charges,
  count(*) FILTER (WHERE kind = 'refusal') AS refusals,
  sum(list_nano_usd) AS list_nano_usd,
  sum(charged_nano_usd) AS charged_nano_usd,
  sum(list_nano_usd - charged_nano_usd) AS discount_nano_usd,
  coalesce(sum(charged_nano_usd) FILTER (WHERE kind = 'charge' AND estimated = 1), 0) AS estimated_nano_usd,
  coalesce(sum(charged_nano_usd) FILTER (WHERE kind = 'correction'), 0) AS corrections_nano_usd,
  sum(charged_nano_usd) / 1e9 AS charged_usd
FROM report_months m CROSS JOIN report_entries e ON e.admitted_at >= m.first_day AND e.admitted_at < m.next_day
GROUP BY m.month, e.cost_center;

-- What the asked model would have cost against what the served one did, cache effects included (asked_nano_usd).
CREATE VIEW report_savings AS
SELECT
  d.day AS day,
  cost_center,
  decision,
  stage,
  route,
  model_asked,
  model_served,
  count(*) FILTER (WHERE kind = 'charge') AS charges,
  count(*) FILTER (WHERE asked_nano_usd IS NULL AND charged_nano_usd <> 0) AS not_compared,
  coalesce(sum(asked_nano_usd), 0) AS asked_nano_usd,
  coalesce(sum(charged_nano_usd) FILTER (WHERE asked_nano_usd IS NOT NULL), 0) AS charged_nano_usd,
  coalesce(sum(asked_nano_usd - charged_nano_usd), 0) AS saved_nano_usd,
  coalesce(sum(asked_nano_usd - charged_nano_usd), 0) / 1e9 AS saved_usd
FROM report_days d CROSS JOIN ledger_entries e INDEXED BY ledger_entries_redirected
  ON e.admitted_at >= d.day AND e.admitted_at < d.next_day
WHERE decision IN ('downgrade', 'route')
GROUP BY d.day, cost_center, decision, stage, route, model_asked, model_served;

CREATE VIEW report_refusals AS
SELECT
  d.day AS day,
  cost_center,
  developer,
  model_asked,
  turn_kind,
  stage,
  error_type,
  count(*) AS refusals,
  count(DISTINCT session) AS sessions,
  min(admitted_at) AS first_at,
  max(admitted_at) AS last_at
FROM report_days d CROSS JOIN ledger_entries e INDEXED BY ledger_entries_refused
  ON e.admitted_at >= d.day AND e.admitted_at < d.next_day
WHERE kind = 'refusal'
GROUP BY d.day, cost_center, developer, model_asked, turn_kind, stage, error_type;

-- Charges that rest on an estimate, and by how much later corrections of the same attempt moved them.
CREATE VIEW report_estimated_charges AS
SELECT
  day,
  cost_center,
  estimated_why,
  model,
  count(*) AS charges,
  count(corrected_nano_usd) AS corrected,
  sum(charged_nano_usd) AS estimated_nano_usd,
  coalesce(sum(corrected_nano_usd), 0) AS corrections_nano_usd,
  sum(charged_nano_usd + coalesce(corrected_nano_usd, 0)) AS charged_nano_usd,
  sum(charged_nano_usd + coalesce(corrected_nano_usd, 0)) / 1e9 AS charged_usd
FROM (
  SELECT
    d.day AS day,
    cost_center,
    coalesce(estimated_why, 'unknown') AS estimated_why,
    coalesce(model_served, 'none') AS model,
    charged_nano_usd,
    (
      SELECT sum(later.charged_nano_usd) FROM ledger_entries later
      WHERE later.turn_id = e.turn_id AND later.attempt = e.attempt
        AND later.kind = 'correction'
    ) AS corrected_nano_usd
  FROM report_days d CROSS JOIN ledger_entries e INDEXED BY ledger_entries_estimated
  ON e.admitted_at >= d.day AND e.admitted_at < d.next_day
  WHERE kind = 'charge' AND estimated = 1
)
GROUP BY day, cost_center, estimated_why, model;

-- What one session costs. One that goes on past the end of a month has a row in each.
CREATE VIEW report_session_costs AS
SELECT
  m.month AS month,
  cost_center,
  developer,
  session,
  substr(min(admitted_at), 1, 10) AS first_day,
  substr(max(admitted_at), 1, 10) AS last_day,
  count(*) FILTER (WHERE kind = 'charge') AS charges,
  sum(input_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens) AS prompt_tokens,
  sum(output_tokens) AS output_tokens,
  sum(charged_nano_usd) AS charged_nano_usd,
  sum(charged_nano_usd) / 1e9 AS charged_usd
FROM report_months m CROSS JOIN report_entries e ON e.admitted_at >= m.first_day AND e.admitted_at < m.next_day
GROUP BY m.month, cost_center, developer, session;

-- What a developer costs on a day on which they worked.
CREATE VIEW report_developer_days AS
SELECT
  d.day AS day,
  cost_center,
  developer,
  count(DISTINCT session) AS sessions,
  count(*) FILTER (WHERE kind = 'charge') AS charges,
  count(*) FILTER (WHERE kind = 'refusal') AS refusals,
  sum(output_tokens) AS output_tokens,
  sum(charged_nano_usd) AS charged_nano_usd,
  sum(charged_nano_usd) / 1e9 AS charged_usd
FROM report_days d CROSS JOIN report_entries e ON e.admitted_at >= d.day AND e.admitted_at < d.next_day
GROUP BY d.day, cost_center, developer;

-- The means of the two above, by month and cost center.
CREATE VIEW report_unit_costs AS
SELECT
  m.month AS month,
  cost_center,
  count(DISTINCT developer) AS developers,
  count(DISTINCT developer || ' ' || substr(admitted_at, 1, 10)) AS developer_days,
  count(DISTINCT developer || ' ' || session) AS sessions,
  count(*) FILTER (WHERE kind = 'charge') AS charges,
  sum(charged_nano_usd) AS charged_nano_usd,
  sum(charged_nano_usd) / 1e9 AS charged_usd,
  sum(charged_nano_usd) / 1e9 / count(DISTINCT developer || ' ' || substr(admitted_at, 1, 10)) AS usd_per_developer_day,
  sum(charged_nano_usd) / 1e9 / count(DISTINCT developer || ' ' || session) AS usd_per_session,
  sum(charged_nano_usd) / 1e9 / nullif(count(*) FILTER (WHERE kind = 'charge'), 0) AS usd_per_charge
FROM report_months m CROSS JOIN report_entries e ON e.admitted_at >= m.first_day AND e.admitted_at < m.next_day
GROUP BY m.month, cost_center;

-- How much of the prompts came from a cache, and how often what was written to one was read.
CREATE VIEW report_cache AS
SELECT
  d.day AS day,
  cost_center,
  model,
  sum(input_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens) AS prompt_tokens,
  sum(input_tokens) AS uncached_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(cache_read_tokens) * 1.0
    / nullif(sum(input_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens), 0) AS read_share,
  sum(cache_read_tokens) * 1.0
    / nullif(sum(cache_write_5m_tokens + cache_write_1h_tokens), 0) AS reads_per_write
FROM report_days d CROSS JOIN report_entries e ON e.admitted_at >= d.day AND e.admitted_at < d.next_day
GROUP BY d.day, cost_center, model;
