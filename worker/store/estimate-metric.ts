/**
 * How well turns are estimated: what was held and expected against what was charged, computed in one statement
 * over the ledger.
 *
 * Counted are entries that have something to compare (`estimate_error`, a generated column): exact charges made
 * since expectations are recorded. Median and 95th percentile are ranks, not interpolations of a distribution.
 * The span is read through the index of cost center and admission, also over all cost centers: those are named
 * one by one from their own table, for without the first column the second one of an index does not help.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';

export interface EstimateFilter {
  /** Null: all. */
  costCenter: string | null;
  /** Half-open span of `admitted_at`; ISO 8601 in UTC with milliseconds. */
  from: string;
  to: string;
}

/** The figures of some turns. Errors are fractions of the charge. */
export interface EstimateFigures {
  turns: number;
  /** Integers of nano-USD as text: over all cost centers they can be larger than a number holds exactly. */
  heldNanoUsd: string;
  expectedNanoUsd: string;
  chargedNanoUsd: string;
  /** Null without turns, as are the other two. */
  medianAbsoluteError: number | null;
  p95AbsoluteError: number | null;
  /** Signed: 0.1 is a tenth too high in the mean. */
  meanError: number | null;
}

/** `name`: the turn kind or the model served. */
export type NamedFigures = EstimateFigures & { name: string };

export interface EstimateMetric {
  all: EstimateFigures;
  byKind: NamedFigures[];
  byModel: NamedFigures[];
}

const NOTHING: EstimateFigures = {
  turns: 0,
  heldNanoUsd: '0',
  expectedNanoUsd: '0',
  chargedNanoUsd: '0',
  medianAbsoluteError: null,
  p95AbsoluteError: null,
  meanError: null,
};

type FiguresRow = NamedFigures & { division: 'all' | 'kind' | 'model' };

const FIGURES = sql.raw('held_nano_usd, expected_nano_usd, charged_nano_usd, estimate_error');

/** One row a division (`all`, `kind`, `model`) and name in it, those of most turns first. */
export function estimateQuery({ costCenter, from, to }: EstimateFilter): SQL {
  const whose = costCenter === null ? sql`IN (SELECT id FROM cost_centers)` : sql`= ${costCenter}`;
  return sql`
    WITH measured AS MATERIALIZED (
      SELECT turn_kind, model_served, ${FIGURES}
      FROM ledger_entries INDEXED BY ledger_entries_by_admission
      WHERE cost_center ${whose} AND admitted_at >= ${from} AND admitted_at < ${to}
        AND estimate_error IS NOT NULL
    ), divided AS (
      SELECT 'all' AS division, '' AS name, ${FIGURES} FROM measured
      UNION ALL SELECT 'kind', turn_kind, ${FIGURES} FROM measured
      UNION ALL SELECT 'model', coalesce(model_served, 'none'), ${FIGURES} FROM measured
    ), placed AS (
      SELECT *, abs(estimate_error) AS off,
        row_number() OVER (PARTITION BY division, name ORDER BY abs(estimate_error)) AS place,
        count(*) OVER (PARTITION BY division, name) AS size
      FROM divided
    )
    SELECT division, name, count(*) AS turns,
      CAST(sum(held_nano_usd) AS TEXT) AS heldNanoUsd,
      CAST(sum(expected_nano_usd) AS TEXT) AS expectedNanoUsd,
      CAST(sum(charged_nano_usd) AS TEXT) AS chargedNanoUsd,
      avg(off) FILTER (WHERE place IN ((size + 1) / 2, (size + 2) / 2)) AS medianAbsoluteError,
      max(off) FILTER (WHERE place = (size * 95 + 99) / 100) AS p95AbsoluteError,
      avg(estimate_error) AS meanError
    FROM placed GROUP BY division, name ORDER BY division, turns DESC, name`;
}

export async function measureEstimates(database: Database, filter: EstimateFilter): Promise<EstimateMetric> {
  const rows = await database.all<FiguresRow>(estimateQuery(filter));
  const of = (division: FiguresRow['division']): NamedFigures[] =>
    rows.filter((row) => row.division === division);
  const [all = NOTHING] = of('all');
  return { all, byKind: of('kind'), byModel: of('model') };
}
