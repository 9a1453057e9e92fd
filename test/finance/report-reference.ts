/** What finance's reports should say, added up from entries in the plainest way; rows in no order. */
import type { Entry } from '../../durable-objects/ledger/entry.ts';

export type Report = Record<string, string | number | null>[];

type Row = Report[number];

/** Rows of the same key become one, and what `sums` says of each entry is added up. */
function add(
  entries: readonly Entry[],
  keyOf: (entry: Entry) => Row,
  sums: (entry: Entry) => Record<string, number>,
): Report {
  const rows = new Map<string, Row>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const row = rows.get(JSON.stringify(key)) ?? { ...key };
    for (const [name, amount] of Object.entries(sums(entry))) row[name] = Number(row[name] ?? 0) + amount;
    rows.set(JSON.stringify(key), row);
  }
  return [...rows.values()];
}

const count = (isCounted: boolean): number => Number(isCounted);

const dayOf = (entry: Entry): string => entry.admitted_at.slice(0, 10);
const monthOf = (entry: Entry): string => entry.admitted_at.slice(0, 7);

function spendKey(entry: Entry): Row {
  return {
    cost_center: entry.cost_center,
    developer: entry.developer,
    model: entry.model_served ?? 'none',
    turn_kind: entry.turn_kind,
    provider: entry.provider ?? 'unknown',
  };
}

function spendSums(entry: Entry): Record<string, number> {
  return {
    charges: count(entry.kind === 'charge'),
    corrections: count(entry.kind === 'correction'),
    refusals: count(entry.kind === 'refusal'),
    failures: count(entry.kind === 'failure'),
    estimated_charges: count(entry.kind === 'charge' && entry.estimated),
    input_tokens: entry.input_tokens,
    cache_write_5m_tokens: entry.cache_write_5m_tokens,
    cache_write_1h_tokens: entry.cache_write_1h_tokens,
    cache_read_tokens: entry.cache_read_tokens,
    output_tokens: entry.output_tokens,
    web_search_requests: entry.web_search_requests,
    list_nano_usd: entry.list_nano_usd,
    charged_nano_usd: entry.charged_nano_usd,
  };
}

function withUsd(report: Report): Report {
  return report.map((row) => ({ ...row, charged_usd: Number(row.charged_nano_usd) / 1e9 }));
}

export function daily(entries: readonly Entry[]): Report {
  return withUsd(add(entries, (entry) => ({ day: dayOf(entry), ...spendKey(entry) }), spendSums));
}

/** Of cost centers that have no name. */
export function monthly(entries: readonly Entry[]): { spend: Report; chargeback: Report } {
  const spend = add(entries, (entry) => ({ month: monthOf(entry), ...spendKey(entry) }), spendSums);
  const chargeback = add(
    entries,
    (entry) => ({ month: monthOf(entry), cost_center: entry.cost_center, cost_center_name: null }),
    (entry) => ({
      charges: count(entry.kind === 'charge'),
      refusals: count(entry.kind === 'refusal'),
      list_nano_usd: entry.list_nano_usd,
      charged_nano_usd: entry.charged_nano_usd,
      discount_nano_usd: entry.list_nano_usd - entry.charged_nano_usd,
      estimated_nano_usd: entry.kind === 'charge' && entry.estimated ? entry.charged_nano_usd : 0,
      corrections_nano_usd: entry.kind === 'correction' ? entry.charged_nano_usd : 0,
    }),
  );
  const developersOf = (row: Row) =>
    new Set(
      entries
        .filter((entry) => entry.cost_center === row.cost_center && monthOf(entry) === row.month)
        .map(({ developer }) => developer),
    );
  return {
    spend: withUsd(spend),
    chargeback: withUsd(chargeback).map((row) => ({ ...row, developers: developersOf(row).size })),
  };
}

export function savings(entries: readonly Entry[]): Report {
  const redirected = entries.filter(({ decision }) => decision === 'downgrade' || decision === 'route');
  const report = add(
    redirected,
    (entry) => ({
      day: dayOf(entry),
      cost_center: entry.cost_center,
      decision: entry.decision,
      stage: entry.stage,
      route: entry.route,
      model_asked: entry.model_asked,
      model_served: entry.model_served,
    }),
    (entry) => ({
      charges: count(entry.kind === 'charge'),
      not_compared: count(entry.asked_nano_usd === null && entry.charged_nano_usd !== 0),
      asked_nano_usd: entry.asked_nano_usd ?? 0,
      charged_nano_usd: entry.asked_nano_usd === null ? 0 : entry.charged_nano_usd,
      saved_nano_usd: entry.asked_nano_usd === null ? 0 : entry.asked_nano_usd - entry.charged_nano_usd,
    }),
  );
  return report.map((row) => ({ ...row, saved_usd: Number(row.saved_nano_usd) / 1e9 }));
}
