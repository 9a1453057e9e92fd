/**
 * One wallet's totals against the ledger's, to the nano-USD, per UTC day and developer. Reads only: a difference
 * is told, never mended.
 *
 * The two are read one after the other while turns may still settle. So the wallet is asked before and after D1,
 * and they are only compared where the wallet said the same both times and had nothing of the span on its way to
 * D1. A wallet whose entries do not leave it for an hour is a finding itself.
 */
import { withinTime } from '../../durable-objects/ledger/deadline.ts';
import type { WalletRpc, WalletTotals } from '../../durable-objects/wallet/rpc.ts';
import type { Database } from '../store/database.ts';
import {
  type DeveloperDay,
  type LedgerSpan,
  listMoneyEntries,
  numberingFaults,
  sumByDeveloper,
} from '../store/ledger-totals.ts';
import type { Comparison } from '../store/reconciliations.ts';
import { bigToUsd, DAY_MS, dayOf } from './reconciliation-run.ts';

const ANSWER_WITHIN_MS = 5_000;
const TRIES = 3;
/** The outbox is drained once a second. */
const WAIT_MS = 1_500;
/** Entries that wait longer do so for a reason. */
const STUCK_MS = 3_600_000;
/** Findings of one cost center that are given evidence. */
const EXPLAINED = 20;

/** Whole UTC days, epoch ms, half-open. */
export interface DaySpan {
  fromMs: number;
  toMs: number;
}

export type WalletOutcome =
  | {
      status: 'compared';
      findings: Comparison[];
      ledgerNanoUsd: bigint;
      walletNanoUsd: bigint;
      days: DeveloperDay[];
    }
  /** It did not answer. */
  | { status: 'away' }
  /** It moved while it was compared, or its entries are still on their way. */
  | { status: 'busy' };

interface Sides {
  totals: WalletTotals;
  days: DeveloperDay[];
}

/** Null where the wallet did not answer in time. */
async function ask(
  wallet: WalletRpc,
  costCenter: string,
  { fromMs, toMs }: DaySpan,
): Promise<WalletTotals | null> {
  try {
    return await withinTime(wallet.totals(costCenter, fromMs, toMs), ANSWER_WITHIN_MS);
  } catch (error) {
    console.warn({ message: 'a wallet did not say its totals', costCenter, error: String(error) });
    return null;
  }
}

export function toLedgerSpan({ fromMs, toMs }: DaySpan): LedgerSpan {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}

function isSame(a: WalletTotals, b: WalletTotals): boolean {
  return JSON.stringify(a.days) === JSON.stringify(b.days);
}

function ledgerTotal(days: readonly DeveloperDay[]): bigint {
  return days.reduce((sum, { nanoUsd }) => sum + BigInt(nanoUsd), 0n);
}

/** Compares one cost center; rejects where D1 is away. */
export async function compareWallet(
  database: Database,
  wallet: WalletRpc,
  costCenter: string,
  span: DaySpan,
  nowMs: number,
): Promise<WalletOutcome> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (tries > 0) await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    const before = await ask(wallet, costCenter, span);
    if (!before) return { status: 'away' };
    const days = await sumByDeveloper(database, costCenter, toLedgerSpan(span));
    const totals = await ask(wallet, costCenter, span);
    if (!totals) return { status: 'away' };
    const isStuck = isOlder(totals.oldestUndrainedAt, nowMs - STUCK_MS);
    if (before.undrainedEntries + totals.undrainedEntries > 0 && !isStuck) continue;
    if (!isSame(before, totals)) continue;
    const sides = { totals, days };
    const findings =
      totals.undrainedEntries > 0 ? [undrained(sides, span)] : await findDifferences(database, sides);
    const walletNanoUsd = BigInt(totals.settledNanoUsd);
    return { status: 'compared', findings, ledgerNanoUsd: ledgerTotal(days), walletNanoUsd, days };
  }
  return { status: 'busy' };
}

function isOlder(at: string | null, thanMs: number): boolean {
  return at !== null && Date.parse(at) < thanMs;
}

function detailOf(costCenter: string, developer: string | null, { fromMs, toMs }: DaySpan) {
  const { from, to } = toLedgerSpan({ fromMs, toMs });
  const about = { windowStart: from, windowEnd: to, costCenter, developer, apiKeyId: null, model: null };
  return { kind: 'wallets', level: 'detail', ...about } as const;
}

/** Named after the span's last day: the same finding on the next day is another one. */
function undrained({ totals, days }: Sides, { fromMs, toMs }: DaySpan): Comparison {
  return {
    ...detailOf(totals.costCenter, null, { fromMs: toMs - DAY_MS, toMs }),
    result: 'undrained',
    ledgerNanoUsd: ledgerTotal(days),
    counterpartNanoUsd: BigInt(totals.settledNanoUsd),
    evidence: {
      compared_from: new Date(fromMs).toISOString(),
      undrained_entries: totals.undrainedEntries,
      outbox_depth: totals.outboxDepth,
      oldest_undrained_at: totals.oldestUndrainedAt,
    },
  };
}

/** Each day and developer whose money is not the same on both sides, in order. */
async function findDifferences(database: Database, { totals, days }: Sides): Promise<Comparison[]> {
  const keyOf = ({ day, developer }: { day: string; developer: string }): string =>
    JSON.stringify([day, developer]);
  const inLedger = new Map(days.map((each) => [keyOf(each), BigInt(each.nanoUsd)]));
  const inWallet = new Map(totals.days.map((each) => [keyOf(each), BigInt(each.settledNanoUsd)]));
  const places = new Map([...days, ...totals.days].map((each) => [keyOf(each), each]));
  const findings: Comparison[] = [];
  for (const [key, { day, developer }] of [...places].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const ledgerNanoUsd = inLedger.get(key) ?? 0n;
    const counterpartNanoUsd = inWallet.get(key) ?? 0n;
    if (ledgerNanoUsd === counterpartNanoUsd) continue;
    const fromMs = Date.parse(day);
    findings.push({
      ...detailOf(totals.costCenter, developer, { fromMs, toMs: fromMs + DAY_MS }),
      result: 'differs',
      ledgerNanoUsd,
      counterpartNanoUsd,
      // What explains the first ones explains the others; each takes two queries.
      evidence:
        findings.length < EXPLAINED ? await evidenceOf(database, { totals, days }, { day, developer }) : {},
    });
  }
  return findings;
}

async function evidenceOf(
  database: Database,
  { totals, days }: Sides,
  { day, developer }: { day: string; developer: string },
): Promise<Record<string, unknown>> {
  const { costCenter } = totals;
  const fromMs = Date.parse(day);
  const span = toLedgerSpan({ fromMs, toMs: fromMs + DAY_MS });
  const listed = await listMoneyEntries(database, { costCenter, developer }, span);
  const { missing, repeated } = await numberingFaults(database, costCenter, span);
  const walletNanoUsd = totals.days
    .filter((each) => each.day === day)
    .reduce((sum, { settledNanoUsd }) => sum + BigInt(settledNanoUsd), 0n);
  return {
    cost_center: {
      ledger_usd: bigToUsd(ledgerTotal(days.filter((each) => each.day === day))),
      wallet_usd: bigToUsd(walletNanoUsd),
    },
    entries: { count: listed.count, entry_ids: listed.entryIds },
    numbering: { gaps: missing, repeated },
    outbox_depth: totals.outboxDepth,
  };
}

/** A finding that no longer holds: both sides are the same now. */
export function resolved(
  {
    windowStart,
    windowEnd,
    costCenter,
    developer,
  }: Pick<Comparison, 'windowStart' | 'windowEnd' | 'costCenter' | 'developer'>,
  days: readonly DeveloperDay[],
): Comparison {
  const span = { fromMs: Date.parse(windowStart), toMs: Date.parse(windowEnd) };
  const own = days.filter(
    (each) => each.day === dayOf(span.fromMs) && (developer === null || each.developer === developer),
  );
  const total = ledgerTotal(own);
  return {
    ...detailOf(costCenter ?? '', developer, span),
    result: 'agrees',
    ledgerNanoUsd: total,
    counterpartNanoUsd: total,
    evidence: {},
  };
}
