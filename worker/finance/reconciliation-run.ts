/** What both reconciliation jobs share: days, what a run answers, and how a finding becomes a record and an alert. */
import { formatUsd, nanoUsd } from '../../durable-objects/core/money.ts';
import { append } from '../../durable-objects/ledger/append.ts';
import { type AlertEvent, ORGANISATION } from '../../durable-objects/ledger/entry.ts';
import { openDatabase } from '../store/database.ts';
import {
  type Comparison,
  keepComparisons,
  type Reconciliation,
  type ReconciliationKind,
} from '../store/reconciliations.ts';

export const DAY_MS = 86_400_000;
const NANO_PER_USD = 1_000_000_000n;

/** Something that was to be compared and could not be yet. */
export interface Pending {
  kind: ReconciliationKind;
  /** "2026-11-23"; for wallets the last day of the window. */
  day: string;
  /** One sentence. */
  why: string;
}

export interface RunOutcome {
  /** The records that now hold for what was compared, new or the same as before. */
  records: Reconciliation[];
  pending: Pending[];
}

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Epoch ms of the UTC day's beginning. */
export function startOfDay(ms: number): number {
  return ms - (ms % DAY_MS);
}

/** Any amount of nano-USD as a decimal string of USD, exactly. */
export function bigToUsd(amount: bigint): string {
  const magnitude = amount < 0n ? -amount : amount;
  const fraction = formatUsd(nanoUsd(Number(magnitude % NANO_PER_USD))).slice(1);
  return `${amount < 0n ? '-' : ''}${magnitude / NANO_PER_USD}${fraction}`;
}

/** Where somebody has to act: spend outside of Bursar is listed, but no fault of the ledger. */
function isIncident({ level, result }: Reconciliation): boolean {
  return level === 'detail' && (result === 'differs' || result === 'undrained');
}

/** The event of a record has the record's id, so that it is written once however often the record is met again. */
function toAlert(record: Reconciliation): AlertEvent {
  return {
    event_id: record.id,
    cost_center: record.costCenter ?? ORGANISATION,
    on: 'reconciliation',
    occurred_at: record.recordedAt,
    turn_id: null,
    session: null,
    developer: record.developer,
    policy_version: null,
    budget: null,
    subject: record.developer ?? (record.apiKeyId ? `${record.apiKeyId} ${record.model}` : record.costCenter),
    stage: null,
    window_start: record.windowStart,
    resets_at: null,
    standing: {
      reconciliation_id: record.id,
      kind: record.kind,
      result: record.result,
      window_end: record.windowEnd,
      api_key_id: record.apiKeyId,
      model: record.model,
      ledger_usd: bigToUsd(BigInt(record.ledgerNanoUsd)),
      counterpart_usd: bigToUsd(BigInt(record.counterpartNanoUsd)),
      difference_usd: bigToUsd(BigInt(record.differenceNanoUsd)),
    },
    context: null,
  };
}

/** Keeps comparisons and writes the alert of each that is an incident. Rejects where D1 is away. */
export async function keepAndTell(
  db: D1Database,
  comparisons: readonly Comparison[],
  nowMs: number,
): Promise<Reconciliation[]> {
  const records = await keepComparisons(openDatabase(db), comparisons, nowMs);
  const events = records.filter(isIncident).map((record) => JSON.stringify(toAlert(record)));
  await append(db, [], events);
  return records;
}
