/**
 * One wallet's totals against the ledger's, to the nano-USD, per UTC day and developer. Reads only: a difference
 * is told, never mended.
 *
 * The two are read one after the other while turns may still settle. So the wallet is asked before and after D1,
 * and they are only compared where the wallet said the same both times and had nothing of the span on its way to
 * D1. A wallet whose entries do not leave it for an hour is a finding itself.
 */
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
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeUp = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ANSWER_WITHIN_MS);
  });
  try {
    return await Promise.race([wallet.totals(costCenter, fromMs, toMs), timeUp]);
  } catch (error) {
    console.warn({ message: 'a wallet did not say its totals', costCenter, error: String(error) });
    return null;
  } finally {
    clearTimeout(timer);
  }
}

export function toLedgerSpan({ fromMs, toMs }: DaySpan): LedgerSpan {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}

function isSame(a: WalletTotals, b: WalletTotals): boolean {
  return JSON.stringify(a.developers) === JSON.stringify(b.developers);
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
      totals.undrainedEntries > 0
        ? [undrained(sides, span)]
        : await findDifferences(database, wallet, sides, span);
    if (findings === null) continue;
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

/** The developers whose sums over the whole span are not the same on both sides. */
function hasDifference({ totals, days }: Sides): boolean {
  const sums = new Map<string, bigint>();
  for (const { developer, nanoUsd } of days)
    sums.set(developer, (sums.get(developer) ?? 0n) + BigInt(nanoUsd));
  for (const { developer, settledNanoUsd } of totals.developers) {
    sums.set(developer, (sums.get(developer) ?? 0n) - BigInt(settledNanoUsd));
  }
  return [...sums.values()].some((rest) => rest !== 0n);
}

/** Day by day where the span as a whole differs; null where the wallet moved meanwhile. */
async function findDifferences(
  database: Database,
  wallet: WalletRpc,
  sides: Sides,
  span: DaySpan,
): Promise<Comparison[] | null> {
  if (!hasDifference(sides)) return [];
  const { costCenter, settledNanoUsd } = sides.totals;
  const starts = Array.from(
    { length: (span.toMs - span.fromMs) / DAY_MS },
    (_, day) => span.fromMs + day * DAY_MS,
  );
  const asked = await Promise.all(
    starts.map(async (fromMs) => await ask(wallet, costCenter, { fromMs, toMs: fromMs + DAY_MS })),
  );
  const totals = asked.filter((each) => each !== null);
  const sum = totals.reduce((all, each) => all + BigInt(each.settledNanoUsd), 0n);
  if (totals.length < asked.length || sum !== BigInt(settledNanoUsd)) return null;
  const findings: Comparison[] = [];
  for (const [index, fromMs] of starts.entries()) {
    const ofDay = totals[index];
    if (!ofDay) continue;
    const days = sides.days.filter(({ day }) => day === dayOf(fromMs));
    const daySpan = { fromMs, toMs: fromMs + DAY_MS };
    findings.push(...(await findOfDay(database, { totals: ofDay, days }, daySpan)));
  }
  return findings;
}

async function findOfDay(database: Database, { totals, days }: Sides, span: DaySpan): Promise<Comparison[]> {
  const { costCenter } = totals;
  const inLedger = new Map(days.map(({ developer, nanoUsd }) => [developer, BigInt(nanoUsd)]));
  const inWallet = new Map(totals.developers.map((each) => [each.developer, BigInt(each.settledNanoUsd)]));
  const findings: Comparison[] = [];
  for (const developer of [...new Set([...inLedger.keys(), ...inWallet.keys()])].sort()) {
    const ledgerNanoUsd = inLedger.get(developer) ?? 0n;
    const counterpartNanoUsd = inWallet.get(developer) ?? 0n;
    if (ledgerNanoUsd === counterpartNanoUsd) continue;
    findings.push({
      ...detailOf(costCenter, developer, span),
      result: 'differs',
      ledgerNanoUsd,
      counterpartNanoUsd,
      evidence: await evidenceOf(database, { totals, days }, developer, span),
    });
  }
  return findings;
}

async function evidenceOf(
  database: Database,
  { totals, days }: Sides,
  developer: string,
  span: DaySpan,
): Promise<Record<string, unknown>> {
  const { costCenter } = totals;
  const ledgerSpan = toLedgerSpan(span);
  const listed = await listMoneyEntries(database, { costCenter, developer }, ledgerSpan);
  const { missing, repeated } = await numberingFaults(database, costCenter, ledgerSpan);
  return {
    cost_center: {
      ledger_usd: bigToUsd(ledgerTotal(days)),
      wallet_usd: bigToUsd(BigInt(totals.settledNanoUsd)),
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
