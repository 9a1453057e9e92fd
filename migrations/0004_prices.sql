-- Prices as records: what an entry's `list_price_version` and `charged_price_version` stand for.

-- Versions of the list, written from the catalogue that is built in; never edited, a change is a further version.
CREATE TABLE price_versions (
  version TEXT PRIMARY KEY,
  -- For one web search request, in 10^-12 USD.
  web_search_pico_usd INTEGER NOT NULL,
  published_at TEXT NOT NULL
) STRICT;

-- One row a model, period and size of prompt. Prices in 10^-12 USD a token: 4000000 is 4 USD a million tokens.
CREATE TABLE list_prices (
  version TEXT NOT NULL REFERENCES price_versions (version),
  model TEXT NOT NULL,
  -- Other ids of the model, a JSON array; a dated snapshot (`-YYYYMMDD`) is known by its id without the date.
  aliases TEXT NOT NULL,
  line TEXT NOT NULL,
  -- ISO 8601 in UTC; '' : since ever. In force until the model's next one.
  effective_from TEXT NOT NULL,
  -- From 0: the tier for prompts up to `max_prompt_tokens`; null: for longer ones.
  tier INTEGER NOT NULL,
  max_prompt_tokens INTEGER,
  input_pico_usd INTEGER NOT NULL,
  cache_write_5m_pico_usd INTEGER NOT NULL,
  cache_write_1h_pico_usd INTEGER NOT NULL,
  cache_read_pico_usd INTEGER NOT NULL,
  output_pico_usd INTEGER NOT NULL,
  -- Multipliers in millionths, on every price above: `speed` fast, `inference_geo` us.
  fast_millionths INTEGER NOT NULL,
  geo_us_millionths INTEGER NOT NULL,
  PRIMARY KEY (version, model, effective_from, tier)
) STRICT;

-- Negotiated prices. Which turns they are for is judged by `admitted_at`, half-open, until `ended_at` where that is earlier.
CREATE TABLE price_overrides (
  id TEXT PRIMARY KEY,
  -- Null: every model; one's own row goes before it.
  model TEXT,
  -- Off every token price, in millionths: 125000 is 12.5 %.
  percent_off_millionths INTEGER CHECK (percent_off_millionths BETWEEN 0 AND 1000000),
  -- Or prices in place of the list's, in 10^-12 USD a token.
  input_pico_usd INTEGER,
  cache_write_5m_pico_usd INTEGER,
  cache_write_1h_pico_usd INTEGER,
  cache_read_pico_usd INTEGER,
  output_pico_usd INTEGER,
  effective_from TEXT NOT NULL,
  effective_until TEXT,
  reason TEXT NOT NULL,
  ended_at TEXT,
  created_at TEXT NOT NULL,
  CHECK ((percent_off_millionths IS NULL) = (input_pico_usd IS NOT NULL)),
  CHECK (
    (input_pico_usd IS NULL) + (cache_write_5m_pico_usd IS NULL) + (cache_write_1h_pico_usd IS NULL)
    + (cache_read_pico_usd IS NULL) + (output_pico_usd IS NULL) IN (0, 5)
  )
) STRICT;

CREATE TRIGGER price_versions_are_never_changed BEFORE UPDATE ON price_versions
BEGIN SELECT RAISE(ABORT, 'published prices are never changed'); END;
CREATE TRIGGER price_versions_are_never_deleted BEFORE DELETE ON price_versions
BEGIN SELECT RAISE(ABORT, 'published prices are never deleted'); END;
-- INSERT OR REPLACE deletes without asking delete triggers.
CREATE TRIGGER price_versions_are_never_replaced BEFORE INSERT ON price_versions
WHEN EXISTS (SELECT 1 FROM price_versions WHERE version = NEW.version)
BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER list_prices_are_never_changed BEFORE UPDATE ON list_prices
BEGIN SELECT RAISE(ABORT, 'published prices are never changed'); END;
CREATE TRIGGER list_prices_are_never_deleted BEFORE DELETE ON list_prices
BEGIN SELECT RAISE(ABORT, 'published prices are never deleted'); END;
CREATE TRIGGER list_prices_are_never_replaced BEFORE INSERT ON list_prices
WHEN EXISTS (
  SELECT 1 FROM list_prices
  WHERE version = NEW.version AND model = NEW.model AND effective_from = NEW.effective_from AND tier = NEW.tier
)
BEGIN SELECT RAISE(IGNORE); END;

-- An override only ever ends, once; its terms are what turns were charged by.
CREATE TRIGGER price_overrides_are_never_changed BEFORE UPDATE ON price_overrides
WHEN OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
  OR (NEW.id, NEW.model, NEW.percent_off_millionths, NEW.input_pico_usd, NEW.cache_write_5m_pico_usd,
      NEW.cache_write_1h_pico_usd, NEW.cache_read_pico_usd, NEW.output_pico_usd, NEW.effective_from,
      NEW.effective_until, NEW.reason, NEW.created_at)
  IS NOT
     (OLD.id, OLD.model, OLD.percent_off_millionths, OLD.input_pico_usd, OLD.cache_write_5m_pico_usd,
      OLD.cache_write_1h_pico_usd, OLD.cache_read_pico_usd, OLD.output_pico_usd, OLD.effective_from,
      OLD.effective_until, OLD.reason, OLD.created_at)
BEGIN SELECT RAISE(ABORT, 'negotiated prices are never changed, only ended once'); END;
CREATE TRIGGER price_overrides_are_never_deleted BEFORE DELETE ON price_overrides
BEGIN SELECT RAISE(ABORT, 'negotiated prices are never deleted'); END;
CREATE TRIGGER price_overrides_are_never_replaced BEFORE INSERT ON price_overrides
WHEN EXISTS (SELECT 1 FROM price_overrides WHERE id = NEW.id)
BEGIN SELECT RAISE(IGNORE); END;

-- What the turn would have cost on the model asked for; of charges and their corrections alone. Null in entries from
-- before this migration.
ALTER TABLE ledger_entries ADD COLUMN asked_nano_usd INTEGER;

-- Which prices an entry was made with, its list prices and what was negotiated, for looking up entries. Null prices:
-- the model is not on the list (the dearest of every class were charged). A turn billed as several requests, or by
-- another model than it was sent to, has those of the model it was sent to.
CREATE VIEW entry_prices AS
SELECT
  e.entry_id,
  e.turn_id,
  e.cost_center,
  e.kind,
  e.admitted_at,
  e.model_served,
  e.list_nano_usd,
  e.charged_nano_usd,
  e.list_price_version,
  p.effective_from AS list_effective_from,
  p.max_prompt_tokens,
  p.input_pico_usd AS list_input_pico_usd,
  p.cache_write_5m_pico_usd AS list_cache_write_5m_pico_usd,
  p.cache_write_1h_pico_usd AS list_cache_write_1h_pico_usd,
  p.cache_read_pico_usd AS list_cache_read_pico_usd,
  p.output_pico_usd AS list_output_pico_usd,
  e.charged_price_version,
  o.id AS override_id,
  o.percent_off_millionths,
  o.input_pico_usd AS override_input_pico_usd,
  o.cache_write_5m_pico_usd AS override_cache_write_5m_pico_usd,
  o.cache_write_1h_pico_usd AS override_cache_write_1h_pico_usd,
  o.cache_read_pico_usd AS override_cache_read_pico_usd,
  o.output_pico_usd AS override_output_pico_usd,
  o.reason AS override_reason
FROM ledger_entries e
LEFT JOIN list_prices p ON p.version = e.list_price_version
  AND (
    p.model = e.model_served
    OR (
      e.model_served GLOB '*-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'
      AND p.model = substr(e.model_served, 1, length(e.model_served) - 9)
    )
    OR e.model_served IN (SELECT value FROM json_each(p.aliases))
  )
  AND p.effective_from = (
    SELECT coalesce(max(q.effective_from) FILTER (WHERE q.effective_from <= e.admitted_at), min(q.effective_from))
    FROM list_prices q WHERE q.version = p.version AND q.model = p.model
  )
  AND p.tier = (
    SELECT min(q.tier) FROM list_prices q
    WHERE q.version = p.version AND q.model = p.model AND q.effective_from = p.effective_from
      AND (
        q.max_prompt_tokens IS NULL
        -- A correction's own tokens are a difference: the prompt is the turn's.
        OR q.max_prompt_tokens >= (
          SELECT sum(t.total_input_tokens) FROM ledger_entries t
          WHERE t.turn_id = e.turn_id AND t.cost_center = e.cost_center
        )
      )
  )
LEFT JOIN price_overrides o
  ON instr('+' || e.charged_price_version || '+', '+' || o.id || '+') > 0
  AND (o.model IS NULL OR o.model = p.model);

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
    'policy', json(p.document)
  ) AS document
FROM cost_centers c
LEFT JOIN policy_versions p ON p.cost_center = c.id AND p.version = c.live_policy_version;
