/**
 * Sums over the ledger that reconciliation compares, by admission. Each reads its span through the index of cost
 * center and admission, also over all cost centers (see estimate-metric.ts). Sums are text: see reconciliations.ts.
 *
 * Demo traffic is in the ledger without a wallet and without an upstream, and counts nowhere here.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';

/** Half-open; ISO 8601 in UTC with milliseconds. */
export interface LedgerSpan {
  from: string;
  to: string;
}

const BY_ADMISSION = sql.raw('ledger_entries INDEXED BY ledger_entries_by_admission');
const NOT_DEMO = sql.raw("provider IS NOT 'demo'");

/** A developer's money on one UTC day ("2026-11-23"), as the ledger has it. */
export interface DeveloperDay {
  day: string;
  developer: string;
  nanoUsd: string;
}

/** Of one cost center, in order of day and developer. */
export async function sumByDeveloper(
  database: Database,
  costCenter: string,
  { from, to }: LedgerSpan,
): Promise<DeveloperDay[]> {
  return await database.all<DeveloperDay>(sql`
    SELECT substr(admitted_at, 1, 10) AS day, developer, CAST(sum(charged_nano_usd) AS TEXT) AS nanoUsd
    FROM ${BY_ADMISSION}
    WHERE cost_center = ${costCenter} AND admitted_at >= ${from} AND admitted_at < ${to} AND ${NOT_DEMO}
    GROUP BY 1, 2 ORDER BY 1, 2`);
}

export interface EntryList {
  count: number;
  /** The first of them. */
  entryIds: string[];
}

const LISTED = 50;

/** A developer's entries that carry money, in the order they were written. */
export async function listMoneyEntries(
  database: Database,
  { costCenter, developer }: { costCenter: string; developer: string },
  { from, to }: LedgerSpan,
): Promise<EntryList> {
  const rows = await database.all<{ id: string; count: number }>(sql`
    SELECT entry_id AS id, count(*) OVER () AS count FROM ${BY_ADMISSION}
    WHERE cost_center = ${costCenter} AND admitted_at >= ${from} AND admitted_at < ${to}
      AND developer = ${developer} AND charged_nano_usd <> 0 AND ${NOT_DEMO}
    ORDER BY entry_id LIMIT ${LISTED}`);
  return { count: rows[0]?.count ?? 0, entryIds: rows.map(({ id }) => id) };
}

/**
 * Where a cost center's numbering of entries (`settle_seq`, without gaps as the wallet counts) has gaps or
 * repetitions among the entries of a span: what was lost, or put in by somebody else. At most 50 each.
 */
export async function numberingFaults(
  database: Database,
  costCenter: string,
  { from, to }: LedgerSpan,
): Promise<{ missing: { after: number; before: number }[]; repeated: number[] }> {
  const rows = await database.all<{ seq: number; prior: number }>(sql`
    SELECT seq, prior FROM (
      SELECT settle_seq AS seq, lag(settle_seq) OVER (ORDER BY settle_seq) AS prior FROM ${BY_ADMISSION}
      WHERE cost_center = ${costCenter} AND admitted_at >= ${from} AND admitted_at < ${to} AND ${NOT_DEMO}
    ) WHERE prior IS NOT NULL AND seq <> prior + 1 ORDER BY seq LIMIT ${LISTED}`);
  return {
    missing: rows
      .filter(({ seq, prior }) => seq > prior)
      .map(({ seq, prior }) => ({ after: prior, before: seq })),
    repeated: rows.filter(({ seq, prior }) => seq === prior).map(({ seq }) => seq),
  };
}

/** What turns cost that went to Anthropic with one credential and to one model. */
export interface CredentialTotal {
  /** Null: nothing was ever heard of the answer (its lease ran out), so the credential is not known. */
  credential: string | null;
  model: string;
  nanoUsd: string;
  listNanoUsd: string;
  entries: number;
  inputTokens: number;
  cacheWrite5mTokens: number;
  cacheWrite1hTokens: number;
  cacheReadTokens: number;
  outputTokens: number;
}

/** What developers pay themselves is on no bill of the organisation's. A charge without an answer has no provider: it is Anthropic's as long as no entry of it says otherwise. */
const WENT_TO_ANTHROPIC = sql.raw(
  "(provider = 'anthropic' OR (provider IS NULL AND kind IN ('charge', 'correction'))) AND model_served IS NOT NULL AND billed_to IS NULL",
);

function ofAllCostCenters({ from, to }: LedgerSpan): SQL {
  return sql`cost_center IN (SELECT id FROM cost_centers) AND admitted_at >= ${from} AND admitted_at < ${to}`;
}

/** Over all cost centers, by credential and model as the ledger names them. */
export async function sumByCredential(database: Database, span: LedgerSpan): Promise<CredentialTotal[]> {
  return await database.all<CredentialTotal>(sql`
    SELECT upstream_credential AS credential, model_served AS model,
      CAST(sum(charged_nano_usd) AS TEXT) AS nanoUsd, CAST(sum(list_nano_usd) AS TEXT) AS listNanoUsd,
      count(*) AS entries, sum(input_tokens) AS inputTokens, sum(cache_write_5m_tokens) AS cacheWrite5mTokens,
      sum(cache_write_1h_tokens) AS cacheWrite1hTokens, sum(cache_read_tokens) AS cacheReadTokens,
      sum(output_tokens) AS outputTokens
    FROM ${BY_ADMISSION} WHERE ${ofAllCostCenters(span)} AND ${WENT_TO_ANTHROPIC}
    GROUP BY 1, 2 ORDER BY 2, 1`);
}

/** Entries that could explain a difference, by why: their number, money and the first of their ids. */
export interface Explanation extends EntryList {
  /** `estimated:<why>`, `no_usage` (a failure the upstream may have billed), `across_midnight`. */
  why: string;
  nanoUsd: string;
}

/** Which part of a day a difference is in. */
export interface Disputed {
  span: LedgerSpan;
  /** As the ledger names them. */
  models: readonly string[];
  /** Null in it: also those without a credential. */
  credentials: readonly (string | null)[];
}

const WHY = sql.raw(`CASE WHEN kind = 'failure' THEN 'no_usage'
  WHEN estimated = 1 THEN 'estimated:' || coalesce(estimated_why, 'unknown') ELSE 'across_midnight' END`);

/** Turns of the day before that ended on the day are looked for this far back. */
const MIDNIGHT_REACH_MS = 3_600_000;

export async function explainDifference(
  database: Database,
  { span, models, credentials }: Disputed,
): Promise<Explanation[]> {
  const reach = new Date(Date.parse(span.from) - MIDNIGHT_REACH_MS).toISOString();
  const rows = await database.all<{ why: string; count: number; nanoUsd: string; ids: string }>(sql`
    WITH candidates AS (
      SELECT ${WHY} AS why, entry_id, charged_nano_usd FROM ${BY_ADMISSION}
      WHERE ${ofAllCostCenters({ from: reach, to: span.to })} AND ${ofCredentials(credentials)}
        AND model_served IN (SELECT value FROM json_each(${JSON.stringify(models)}))
        AND CASE WHEN admitted_at < ${span.from} THEN last_byte_at >= ${span.from}
          ELSE (kind = 'failure' AND coalesce(http_status, 200) = 200) OR estimated = 1 OR last_byte_at >= ${span.to} END
    ), placed AS (
      SELECT *, row_number() OVER (PARTITION BY why ORDER BY abs(charged_nano_usd) DESC, entry_id) AS place
      FROM candidates
    )
    SELECT why, count(*) AS count, CAST(sum(charged_nano_usd) AS TEXT) AS nanoUsd,
      json_group_array(entry_id) FILTER (WHERE place <= ${LISTED}) AS ids
    FROM placed GROUP BY why ORDER BY why`);
  return rows.map(({ ids, ...rest }) => ({ ...rest, entryIds: JSON.parse(ids) }));
}

function ofCredentials(credentials: readonly (string | null)[]): SQL {
  const known = credentials.filter((each) => each !== null);
  const named = sql`upstream_credential IN (SELECT value FROM json_each(${JSON.stringify(known)}))`;
  if (known.length === credentials.length) return named;
  return sql`(${named} OR (upstream_credential IS NULL AND provider IS NULL))`;
}

/** The cost centers a difference may lie with, those of most money first, at most 50. */
export async function costCentersOf(
  database: Database,
  { span, models, credentials }: Disputed,
): Promise<{ costCenter: string; nanoUsd: string }[]> {
  return await database.all(sql`
    SELECT cost_center AS costCenter, CAST(sum(charged_nano_usd) AS TEXT) AS nanoUsd FROM ${BY_ADMISSION}
    WHERE ${ofAllCostCenters(span)} AND ${WENT_TO_ANTHROPIC} AND ${ofCredentials(credentials)}
      AND model_served IN (SELECT value FROM json_each(${JSON.stringify(models)}))
    GROUP BY 1 ORDER BY sum(charged_nano_usd) DESC, 1 LIMIT ${LISTED}`);
}
