-- Reports of spend read the daily roll-ups, and entries only of units (a UTC day of admission of one cost center)
-- that have got some since: exact at every instant, quick over long spans, and complete for days that are archived.
-- Columns, their order and their meanings are those of migration 0005; docs/finance.md documents them.

-- What roll-ups lacked of these reports. Null in no row that a report reads.
-- Charges that rest on an estimate and what they came to, corrections of both kinds left out.
ALTER TABLE daily_rollups ADD COLUMN estimated_charges INTEGER;
ALTER TABLE daily_rollups ADD COLUMN estimated_charges_nano_usd INTEGER;
-- What corrections came to.
ALTER TABLE daily_rollups ADD COLUMN corrections_nano_usd INTEGER;
-- Of entries that know what the asked model would have cost: that, and what was charged. And how many with money
-- do not know it.
ALTER TABLE daily_rollups ADD COLUMN asked_nano_usd INTEGER;
ALTER TABLE daily_rollups ADD COLUMN compared_nano_usd INTEGER;
ALTER TABLE daily_rollups ADD COLUMN not_compared INTEGER;

-- Of archived entries only the sums are here: what those tell for certain, and the rest as not known. A day that is
-- restored is rolled up anew, with all of it.
UPDATE daily_rollups SET
  estimated_charges = min(estimated, charges),
  estimated_charges_nano_usd = estimated_nano_usd,
  corrections_nano_usd = CASE WHEN charges + refusals + failures = 0 THEN charged_nano_usd ELSE 0 END,
  asked_nano_usd = 0,
  compared_nano_usd = 0,
  not_compared = charges + corrections
WHERE part > 0;
-- The others are made anew by the next runs of the job.
UPDATE rollup_days SET dirty = 1 WHERE entries > 0;
-- A Worker from before this migration, which runs until the deployment that follows, must not make them.
CREATE TRIGGER daily_rollups_are_whole BEFORE INSERT ON daily_rollups
WHEN NEW.estimated_charges IS NULL OR NEW.corrections_nano_usd IS NULL OR NEW.not_compared IS NULL
BEGIN SELECT RAISE(ABORT, 'a roll-up lacks columns of migration 0010'); END;

-- Almost always empty, so that asking whether a unit is just coming back costs nothing.
CREATE INDEX archive_segments_being_restored ON archive_segments (day, cost_center) WHERE state = 'restoring';

-- A report reads each day twice: as roll-ups, and as entries. One list of both (UNION ALL) would be plainer, but
-- SQLite carries no condition on the day through a view that adds up such a list, and reads all of the ledger.
CREATE TABLE report_sources (is_rolled_up INTEGER PRIMARY KEY) STRICT;
INSERT INTO report_sources (is_rolled_up) VALUES (0), (1);
ALTER TABLE report_days ADD COLUMN month TEXT GENERATED ALWAYS AS (substr(day, 1, 7)) VIRTUAL;
CREATE INDEX report_days_by_month ON report_days (month);

-- What reports of spend add up: roll-ups of archived segments, and of entries in D1 where none came since; else the
-- entries themselves, in the same columns. An entry counts on the day on which its turn was admitted, and a
-- correction on the day of the admission that it corrects. One that is just coming back from the archive is still in
-- its segment's roll-up. A bound that is null finds nothing: that is how a source is left out.
CREATE VIEW report_sums AS
SELECT
  d.month AS month,
  d.day AS day,
  iif(s.is_rolled_up, r.cost_center, e.cost_center) AS cost_center,
  iif(s.is_rolled_up, r.developer, e.developer) AS developer,
  iif(s.is_rolled_up, coalesce(r.model_served, 'none'), coalesce(e.model_served, 'none')) AS model,
  iif(s.is_rolled_up, r.turn_kind, e.turn_kind) AS turn_kind,
  iif(s.is_rolled_up, coalesce(r.provider, 'unknown'), coalesce(e.provider, 'unknown')) AS provider,
  iif(s.is_rolled_up, r.charges, e.kind = 'charge') AS charges,
  iif(s.is_rolled_up, r.corrections, e.kind = 'correction') AS corrections,
  iif(s.is_rolled_up, r.refusals, e.kind = 'refusal') AS refusals,
  iif(s.is_rolled_up, r.failures, e.kind = 'failure') AS failures,
  iif(s.is_rolled_up, r.estimated_charges, e.kind = 'charge' AND e.estimated = 1) AS estimated_charges,
  iif(s.is_rolled_up, r.input_tokens, e.input_tokens) AS input_tokens,
  iif(s.is_rolled_up, r.cache_write_5m_tokens, e.cache_write_5m_tokens) AS cache_write_5m_tokens,
  iif(s.is_rolled_up, r.cache_write_1h_tokens, e.cache_write_1h_tokens) AS cache_write_1h_tokens,
  iif(s.is_rolled_up, r.cache_read_tokens, e.cache_read_tokens) AS cache_read_tokens,
  iif(s.is_rolled_up, r.output_tokens, e.output_tokens) AS output_tokens,
  iif(s.is_rolled_up, r.web_search_requests, e.web_search_requests) AS web_search_requests,
  iif(s.is_rolled_up, r.list_nano_usd, e.list_nano_usd) AS list_nano_usd,
  iif(s.is_rolled_up, r.charged_nano_usd, e.charged_nano_usd) AS charged_nano_usd,
  iif(
    s.is_rolled_up,
    r.estimated_charges_nano_usd,
    iif(e.kind = 'charge' AND e.estimated = 1, e.charged_nano_usd, 0)
  ) AS estimated_charges_nano_usd,
  iif(s.is_rolled_up, r.corrections_nano_usd, iif(e.kind = 'correction', e.charged_nano_usd, 0))
    AS corrections_nano_usd
FROM report_days d
CROSS JOIN report_sources s
LEFT JOIN daily_rollups r
  ON r.day = iif(s.is_rolled_up, d.day, NULL)
  AND (r.part > 0 OR NOT (SELECT u.dirty FROM rollup_days u WHERE u.day = r.day AND u.cost_center = r.cost_center))
LEFT JOIN ledger_entries e INDEXED BY ledger_entries_by_instant
  ON e.admitted_at >= iif(
    NOT s.is_rolled_up AND EXISTS (SELECT 1 FROM rollup_days u WHERE u.day = d.day AND u.dirty = 1), d.day, NULL
  )
  AND e.admitted_at < d.next_day
  AND (SELECT u.dirty FROM rollup_days u WHERE u.day = d.day AND u.cost_center = e.cost_center)
  AND NOT EXISTS (
    SELECT 1 FROM archive_segments a INDEXED BY archive_segments_being_restored
    WHERE a.day = d.day AND a.cost_center = e.cost_center AND a.state = 'restoring'
      AND e.admitted_at BETWEEN a.first_admitted_at AND a.last_admitted_at
      AND e.entry_id BETWEEN a.first_entry_id AND a.last_entry_id
  )
WHERE r.day IS NOT NULL OR e.admitted_at IS NOT NULL;

DROP VIEW report_daily_spend;
CREATE VIEW report_daily_spend AS
SELECT
  day,
  cost_center,
  developer,
  model,
  turn_kind,
  provider,
  sum(charges) AS charges,
  sum(corrections) AS corrections,
  sum(refusals) AS refusals,
  sum(failures) AS failures,
  sum(estimated_charges) AS estimated_charges,
  sum(input_tokens) AS input_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(output_tokens) AS output_tokens,
  sum(web_search_requests) AS web_search_requests,
  sum(list_nano_usd) AS list_nano_usd,
  sum(charged_nano_usd) AS charged_nano_usd,
  sum(charged_nano_usd) / 1e9 AS charged_usd
FROM report_sums
GROUP BY day, cost_center, developer, model, turn_kind, provider;

DROP VIEW report_monthly_spend;
CREATE VIEW report_monthly_spend AS
SELECT
  month,
  cost_center,
  developer,
  model,
  turn_kind,
  provider,
  sum(charges) AS charges,
  sum(corrections) AS corrections,
  sum(refusals) AS refusals,
  sum(failures) AS failures,
  sum(estimated_charges) AS estimated_charges,
  sum(input_tokens) AS input_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(output_tokens) AS output_tokens,
  sum(web_search_requests) AS web_search_requests,
  sum(list_nano_usd) AS list_nano_usd,
  sum(charged_nano_usd) AS charged_nano_usd,
  sum(charged_nano_usd) / 1e9 AS charged_usd
FROM report_sums
GROUP BY month, cost_center, developer, model, turn_kind, provider;

DROP VIEW report_chargeback;
CREATE VIEW report_chargeback AS
SELECT
  month,
  cost_center,
  (SELECT name FROM cost_centers c WHERE c.id = cost_center) AS cost_center_name,
  count(DISTINCT developer) AS developers,
  sum(charges) AS charges,
  sum(refusals) AS refusals,
  sum(list_nano_usd) AS list_nano_usd,
  sum(charged_nano_usd) AS charged_nano_usd,
  sum(list_nano_usd - charged_nano_usd) AS discount_nano_usd,
  sum(estimated_charges_nano_usd) AS estimated_nano_usd,
  sum(corrections_nano_usd) AS corrections_nano_usd,
  sum(charged_nano_usd) / 1e9 AS charged_usd
FROM report_sums s
GROUP BY month, cost_center;

DROP VIEW report_cache;
CREATE VIEW report_cache AS
SELECT
  day,
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
FROM report_sums
GROUP BY day, cost_center, model;

-- What the asked model would have cost against what the served one did, cache effects included (asked_nano_usd).
-- From both sources as report_sums is.
CREATE VIEW report_redirected AS
SELECT
  d.day AS day,
  iif(s.is_rolled_up, r.cost_center, e.cost_center) AS cost_center,
  iif(s.is_rolled_up, r.decision, e.decision) AS decision,
  iif(s.is_rolled_up, r.stage, e.stage) AS stage,
  iif(s.is_rolled_up, r.route, e.route) AS route,
  iif(s.is_rolled_up, r.model_asked, e.model_asked) AS model_asked,
  iif(s.is_rolled_up, r.model_served, e.model_served) AS model_served,
  iif(s.is_rolled_up, r.charges, e.kind = 'charge') AS charges,
  iif(s.is_rolled_up, r.not_compared, e.asked_nano_usd IS NULL AND e.charged_nano_usd <> 0) AS not_compared,
  iif(s.is_rolled_up, r.asked_nano_usd, coalesce(e.asked_nano_usd, 0)) AS asked_nano_usd,
  iif(s.is_rolled_up, r.compared_nano_usd, iif(e.asked_nano_usd IS NULL, 0, e.charged_nano_usd)) AS compared_nano_usd
FROM report_days d
CROSS JOIN report_sources s
LEFT JOIN daily_rollups r
  ON r.day = iif(s.is_rolled_up, d.day, NULL)
  AND (r.part > 0 OR NOT (SELECT u.dirty FROM rollup_days u WHERE u.day = r.day AND u.cost_center = r.cost_center))
  AND r.decision IN ('downgrade', 'route')
LEFT JOIN ledger_entries e INDEXED BY ledger_entries_redirected
  ON e.admitted_at >= iif(
    NOT s.is_rolled_up AND EXISTS (SELECT 1 FROM rollup_days u WHERE u.day = d.day AND u.dirty = 1), d.day, NULL
  )
  AND e.admitted_at < d.next_day
  AND e.decision IN ('downgrade', 'route')
  AND (SELECT u.dirty FROM rollup_days u WHERE u.day = d.day AND u.cost_center = e.cost_center)
  AND NOT EXISTS (
    SELECT 1 FROM archive_segments a INDEXED BY archive_segments_being_restored
    WHERE a.day = d.day AND a.cost_center = e.cost_center AND a.state = 'restoring'
      AND e.admitted_at BETWEEN a.first_admitted_at AND a.last_admitted_at
      AND e.entry_id BETWEEN a.first_entry_id AND a.last_entry_id
  )
WHERE r.day IS NOT NULL OR e.admitted_at IS NOT NULL;
DROP VIEW report_savings;
CREATE VIEW report_savings AS
SELECT
  day,
  cost_center,
  decision,
  stage,
  route,
  model_asked,
  model_served,
  sum(charges) AS charges,
  sum(not_compared) AS not_compared,
  sum(asked_nano_usd) AS asked_nano_usd,
  sum(compared_nano_usd) AS charged_nano_usd,
  sum(asked_nano_usd - compared_nano_usd) AS saved_nano_usd,
  sum(asked_nano_usd - compared_nano_usd) / 1e9 AS saved_usd
FROM report_redirected
GROUP BY day, cost_center, decision, stage, route, model_asked, model_served;
