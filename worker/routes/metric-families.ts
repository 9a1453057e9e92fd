/** What /metrics tells: the names, and how each figure is come by. Pure; docs/metrics.md says it in words. */
import { formatUsd, NANO_PER_USD, nanoUsd } from '../../durable-objects/core/money.ts';
import type { WalletGauges } from '../../durable-objects/wallet/rpc.ts';
import type { NamedFigures } from '../store/estimate-metric.ts';
import type { LedgerTotals } from '../store/metric-totals.ts';
import type { MetricFamily, Sample } from './prometheus-text.ts';

export interface AskedWallet {
  costCenter: string;
  /** Null: it did not answer in time. */
  gauges: WalletGauges | null;
}

/** Sums that are not negative, as USD; exact, whatever their size. */
function usdOf(nanoUsdSum: bigint): string {
  const fraction = formatUsd(nanoUsd(Number(nanoUsdSum % BigInt(NANO_PER_USD))));
  return `${nanoUsdSum / BigInt(NANO_PER_USD)}${fraction.slice(1)}`;
}

type Columns = readonly (keyof LedgerTotals)[];

/** Sums `amountOf` over the rows that agree in these columns, in the order they first appear. */
function sumBy(
  rows: readonly LedgerTotals[],
  labels: Record<string, Columns[number]>,
  amountOf: (row: LedgerTotals) => string,
  toValue: (sum: bigint) => string = String,
): Sample[] {
  const sums = new Map<string, { labels: Record<string, string>; sum: bigint }>();
  for (const row of rows) {
    const named = Object.fromEntries(Object.entries(labels).map(([label, column]) => [label, row[column]]));
    const key = JSON.stringify(named);
    const known = sums.get(key) ?? { labels: named, sum: 0n };
    sums.set(key, { ...known, sum: known.sum + BigInt(amountOf(row)) });
  }
  return [...sums.values()].map(({ labels: named, sum }) => ({ labels: named, value: toValue(sum) }));
}

const BY_DECISION = { cost_center: 'costCenter', decision: 'decision' } as const;

const TOKEN_TYPES = {
  input: 'inputTokens',
  cache_write: 'cacheWriteTokens',
  cache_read: 'cacheReadTokens',
  output: 'outputTokens',
} as const satisfies Record<string, keyof LedgerTotals>;

/** Counters since the ledger's first entry: they never fall, for what corrections take back is a counter of its own. */
export function ledgerFamilies(totals: readonly LedgerTotals[]): MetricFamily[] {
  const turns = totals.filter(({ kind }) => kind !== 'correction');
  const counter = (name: string, help: string, samples: Sample[]): MetricFamily => {
    return { name: `bursar_${name}_total`, type: 'counter', help, samples };
  };
  return [
    counter('turns', 'Turns in the ledger: charged, failed or refused.', [
      ...sumBy(turns, BY_DECISION, ({ entries }) => entries),
    ]),
    counter(
      'refusals',
      'Turns that were refused.',
      sumBy(
        turns.filter(({ kind }) => kind === 'refusal'),
        { cost_center: 'costCenter' },
        ({ entries }) => entries,
      ),
    ),
    counter(
      'entries',
      'Entries of the ledger.',
      sumBy(totals, { ...BY_DECISION, kind: 'kind' }, ({ entries }) => entries),
    ),
    counter(
      'charged_usd',
      'US dollars charged; less bursar_credited_usd_total it is the ledger’s sum.',
      sumBy(totals, BY_DECISION, ({ chargedNanoUsd }) => chargedNanoUsd, usdOf),
    ),
    counter(
      'credited_usd',
      'US dollars that corrections took back.',
      sumBy(totals, BY_DECISION, ({ creditedNanoUsd }) => creditedNanoUsd, usdOf),
    ),
    counter(
      'tokens',
      'Tokens charged by type, corrections upward included.',
      Object.entries(TOKEN_TYPES).flatMap(([type, column]) =>
        sumBy(totals, BY_DECISION, (row) => row[column]).map(({ labels, value }) => ({
          labels: { ...labels, type },
          value,
        })),
      ),
    ),
  ];
}

/** Gauges of the wallets that answered, and how many did not. */
export function walletFamilies(asked: readonly AskedWallet[], unasked: number): MetricFamily[] {
  const answered = asked.flatMap(({ costCenter, gauges }) => (gauges ? [{ costCenter, gauges }] : []));
  const gauge = (
    name: string,
    help: string,
    figureOf: (gauges: WalletGauges) => Sample['value'],
    type: MetricFamily['type'] = 'gauge',
  ): MetricFamily => ({
    name: `bursar_${name}`,
    type,
    help,
    samples: answered.map(({ costCenter, gauges }) => ({
      labels: { cost_center: costCenter },
      value: figureOf(gauges),
    })),
  });
  const count = (name: string, help: string, value: number): MetricFamily => {
    return { name: `bursar_${name}`, type: 'gauge', help, samples: [{ labels: {}, value }] };
  };
  return [
    gauge('holds_open', 'Turns that hold money right now.', ({ holdsOpen }) => holdsOpen),
    gauge('held_usd', 'US dollars they hold.', ({ heldNanoUsd }) => usdOf(BigInt(heldNanoUsd))),
    gauge('outbox_depth', 'Documents on their way to D1.', ({ outboxDepth }) => outboxDepth),
    gauge('ledger_lag_seconds', 'Age of the oldest of them; 0 without one.', (each) => {
      return each.outboxOldestMs / 1_000;
    }),
    gauge('telemetry_sent_total', 'Spans a collector took.', ({ telemetrySent }) => telemetrySent, 'counter'),
    gauge('telemetry_lost_total', 'Spans that were lost.', ({ telemetryLost }) => telemetryLost, 'counter'),
    count('wallets_answered', 'Wallets whose gauges are here.', answered.length),
    count('wallets_unanswered', 'Wallets that did not answer in time.', asked.length - answered.length),
    count('wallets_unasked', 'Cost centers beyond this page: see the parameter after.', unasked),
  ];
}

/** How far off the expectation was in the middle of the last day's exact charges. */
export function estimateFamilies(byKind: readonly NamedFigures[]): MetricFamily[] {
  const measured = byKind.filter((each) => each.medianAbsoluteError !== null);
  return [
    {
      name: 'bursar_estimate_error_median',
      type: 'gauge',
      help: 'Median error of what turns were expected to cost, as a fraction of the charge, over the last day.',
      samples: measured.map((each) => ({
        labels: { kind: each.name },
        value: each.medianAbsoluteError ?? 0,
      })),
    },
    {
      name: 'bursar_held_to_charged_ratio',
      type: 'gauge',
      help: 'Money held by money charged, over the last day.',
      samples: measured.map((each) => ({
        labels: { kind: each.name },
        value: Number(each.heldNanoUsd) / Number(each.chargedNanoUsd),
      })),
    },
  ];
}
