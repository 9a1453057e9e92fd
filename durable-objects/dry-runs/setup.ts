/**
 * What a replay is given beside the ledger's entries: read from D1 once, when the job is prepared, and kept, so that a
 * replay that goes on after a kill sees what it saw before.
 */
import { type Lifecycle, withLifecycles } from '../core/catalogue/lifecycles.ts';
import { builtinCatalogue } from '../core/catalogue/models.ts';
import { withOverrides } from '../core/catalogue/overrides.ts';
import type { Catalogue, PriceOverride } from '../core/catalogue/types.ts';
import { parsePolicy } from '../core/policy/parse.ts';
import { reachOf } from '../core/policy/reach.ts';
import type { Policy } from '../core/policy/types.ts';
import type { RecordedRaise, ReplaySetup } from '../core/replay/types.ts';
import { MAY_HAVE_DECIDED } from '../ledger/decided-versions.ts';

interface AskedRow {
  cost_center: string;
  timezone: string;
  from_at: string;
  to_at: string;
  seed_standing: number;
  rows_total: number;
  created_at: string;
}

interface DraftRow {
  position: number;
  name: string;
  document: string;
}

interface VersionRow {
  version: number;
  document: string;
}

interface RaiseRow {
  budget: string;
  subject: string | null;
  extra_nano_usd: number;
  created_at: string;
  until: string;
  ended_at: string | null;
}

interface OverrideRow {
  id: string;
  model: string | null;
  percent_off_millionths: number | null;
  input_pico_usd: number | null;
  cache_write_5m_pico_usd: number | null;
  cache_write_1h_pico_usd: number | null;
  cache_read_pico_usd: number | null;
  output_pico_usd: number | null;
  effective_from: string;
  effective_until: string | null;
  ended_at: string | null;
}

interface LifecycleRow {
  model: string;
  lifecycle: Lifecycle;
  retires_at: string | null;
  changed_at: string;
}

/** What D1 says, by what is asked for; the statements of `setupQueries` in their order. */
const QUERIES = {
  asked: `SELECT d.cost_center, c.timezone, d.from_at, d.to_at, d.seed_standing, d.rows_total, d.created_at
    FROM dry_runs d JOIN cost_centers c ON c.id = d.cost_center WHERE d.id = ?1`,
  draft: 'SELECT position, name, document FROM dry_run_drafts WHERE dry_run = ?1 ORDER BY position',
  version: `SELECT p.version, p.document FROM policy_versions p JOIN dry_runs d ON d.cost_center = p.cost_center
    WHERE d.id = ?1 AND ${MAY_HAVE_DECIDED} ORDER BY p.version`,
  raise: `SELECT r.budget, r.subject, r.extra_nano_usd, r.created_at, r.until, r.ended_at
    FROM raises r JOIN dry_runs d ON d.cost_center = r.cost_center
    WHERE d.id = ?1 AND r.created_at < d.to_at AND min(r.until, coalesce(r.ended_at, r.until)) > d.from_at ORDER BY r.id`,
  override: `SELECT o.* FROM price_overrides o JOIN dry_runs d ON o.effective_from < d.to_at WHERE d.id = ?1 ORDER BY o.id`,
  lifecycle:
    "SELECT model, lifecycle, retires_at, changed_at FROM model_lifecycles WHERE ?1 <> '' ORDER BY model",
};

type Part = keyof typeof QUERIES;
const PARTS = Object.keys(QUERIES) as Part[];

export function setupQueries(db: D1Database, id: string): D1PreparedStatement[] {
  return PARTS.map((part) => db.prepare(QUERIES[part]).bind(id));
}

/** Keeps the answers of `setupQueries`; how many entries the span has. Call it inside a transaction. */
export function keepSetup(sql: SqlStorage, answers: readonly (readonly unknown[])[]): number {
  sql.exec('DELETE FROM setup');
  PARTS.forEach((part, index) => {
    for (const [number, row] of (answers[index] ?? []).entries()) {
      sql.exec('INSERT INTO setup VALUES (?, ?, ?)', part, number, JSON.stringify(row));
    }
  });
  const [asked] = rowsOf<AskedRow>(sql, 'asked');
  return asked?.rows_total ?? 0;
}

/** Rows as D1 gave them. */
function rowsOf<Row>(sql: SqlStorage, part: Part): Row[] {
  return sql
    .exec<{ document: string }>('SELECT document FROM setup WHERE part = ? ORDER BY number', part)
    .toArray()
    .map(({ document }) => JSON.parse(document) as Row);
}

/** Throws where a stored policy cannot be read: the message says which. */
function policyOf(document: string, timezone: string, what: string): Policy {
  const context = { timezone, catalogue: builtinCatalogue, nowMs: 0, enforce: 'stored' as const };
  const parsed = parsePolicy(JSON.parse(document), context);
  if (parsed.ok) return parsed.value.policy;
  const [first] = parsed.error;
  throw new Error(`${what} cannot be read: ${first?.path}: ${first?.message}`);
}

function raiseOf(row: RaiseRow): RecordedRaise {
  const untilMs = Date.parse(row.until);
  return {
    budget: row.budget,
    subject: row.subject,
    extraNanoUsd: row.extra_nano_usd,
    fromMs: Date.parse(row.created_at),
    untilMs: row.ended_at === null ? untilMs : Math.min(untilMs, Date.parse(row.ended_at)),
  };
}

/** D1 holds exactly one of percentage and prices; somebody's ending an override is its end. */
function overrideOf(row: OverrideRow): PriceOverride {
  const ends = [row.effective_until, row.ended_at].filter((each) => each !== null);
  const span = {
    fromMs: Date.parse(row.effective_from),
    untilMs: ends.length === 0 ? null : Math.min(...ends.map((each) => Date.parse(each))),
  };
  const { id, model, percent_off_millionths: offMillionths } = row;
  if (row.input_pico_usd === null) {
    return { id, model, terms: { kind: 'percent_off', offMillionths: offMillionths ?? 0 }, ...span };
  }
  const prices = {
    input: row.input_pico_usd,
    cacheWrite5m: row.cache_write_5m_pico_usd ?? 0,
    cacheWrite1h: row.cache_write_1h_pico_usd ?? 0,
    cacheRead: row.cache_read_pico_usd ?? 0,
    output: row.output_pico_usd ?? 0,
  };
  return { id, model, terms: { kind: 'prices', prices }, ...span };
}

/** A model that retired without a date did so when it was seen to have: turns before had it. */
function lifecycleOf({ model, lifecycle, retires_at: retiresAt, changed_at: changedAt }: LifecycleRow) {
  const at = lifecycle === 'retired' ? (retiresAt ?? changedAt) : retiresAt;
  return { model, lifecycle, retiresAtMs: at === null ? null : Date.parse(at) };
}

function catalogueOf(sql: SqlStorage, atMs: number): Catalogue {
  const lifecycles = rowsOf<LifecycleRow>(sql, 'lifecycle').map(lifecycleOf);
  const overrides = rowsOf<OverrideRow>(sql, 'override').map(overrideOf);
  return withOverrides(withLifecycles(builtinCatalogue, lifecycles, atMs), overrides);
}

/** The kept setup. Throws where it, or a policy in it, cannot be read. */
export function readSetup(sql: SqlStorage): ReplaySetup {
  const [asked] = rowsOf<AskedRow>(sql, 'asked');
  if (!asked) throw new Error('the dry run was never prepared');
  const { timezone } = asked;
  const versions = rowsOf<VersionRow>(sql, 'version').map(
    ({ version, document }) => [version, policyOf(document, timezone, `policy version ${version}`)] as const,
  );
  return {
    costCenter: asked.cost_center,
    timezone,
    fromMs: Date.parse(asked.from_at),
    toMs: Date.parse(asked.to_at),
    catalogue: catalogueOf(sql, Date.parse(asked.created_at)),
    recorded: new Map(versions),
    drafts: rowsOf<DraftRow>(sql, 'draft').map(({ name, document }) => ({
      name,
      policy: policyOf(document, timezone, `the draft "${name}"`),
    })),
    raises: rowsOf<RaiseRow>(sql, 'raise').map(raiseOf),
    seedStanding: asked.seed_standing === 1,
  };
}

/** From when on spend before the span is of interest, epoch ms: as far as a window of any policy in it reaches. */
export function seedStartMs({ fromMs, drafts, recorded }: ReplaySetup): number {
  const policies = [...drafts.map(({ policy }) => policy), ...recorded.values()];
  const kinds = policies.flatMap(({ budgets }) => budgets.map(({ window }) => window));
  return reachOf(kinds, fromMs);
}
