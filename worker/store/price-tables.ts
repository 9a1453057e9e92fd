/** The tables of migrations/0004_prices.sql, as drizzle sees them. */
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const priceVersions = sqliteTable('price_versions', {
  version: text().primaryKey(),
  webSearchPicoUsd: integer('web_search_pico_usd').notNull(),
  publishedAt: text('published_at').notNull(),
});

export const listPrices = sqliteTable(
  'list_prices',
  {
    version: text().notNull(),
    model: text().notNull(),
    aliases: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
    line: text().notNull(),
    effectiveFrom: text('effective_from').notNull(),
    tier: integer().notNull(),
    maxPromptTokens: integer('max_prompt_tokens'),
    input: integer('input_pico_usd').notNull(),
    cacheWrite5m: integer('cache_write_5m_pico_usd').notNull(),
    cacheWrite1h: integer('cache_write_1h_pico_usd').notNull(),
    cacheRead: integer('cache_read_pico_usd').notNull(),
    output: integer('output_pico_usd').notNull(),
    fastMillionths: integer('fast_millionths').notNull(),
    geoUsMillionths: integer('geo_us_millionths').notNull(),
  },
  (table) => [primaryKey({ columns: [table.version, table.model, table.effectiveFrom, table.tier] })],
);

export const priceOverrides = sqliteTable('price_overrides', {
  id: text().primaryKey(),
  model: text(),
  percentOffMillionths: integer('percent_off_millionths'),
  input: integer('input_pico_usd'),
  cacheWrite5m: integer('cache_write_5m_pico_usd'),
  cacheWrite1h: integer('cache_write_1h_pico_usd'),
  cacheRead: integer('cache_read_pico_usd'),
  output: integer('output_pico_usd'),
  effectiveFrom: text('effective_from').notNull(),
  effectiveUntil: text('effective_until'),
  reason: text().notNull(),
  endedAt: text('ended_at'),
  createdAt: text('created_at').notNull(),
});
