/**
 * One day of Anthropic's report against the ledger, per API key and model. Pure: no I/O, no clock.
 *
 * A ledger row belongs to the key its credential is of. A charge of whose answer nothing was ever heard has no
 * credential and is counted with the present key, the only one turns are sent with. Where nobody said which keys
 * are Bursar's, all keys are compared together: that hides nothing, but cannot tell other spend apart.
 */
import { canonicalId } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { OwnKey, Tolerance } from '../bindings.ts';
import { type FineUsd, fineToNanoUsd } from '../providers/cents.ts';
import type { ReportedCost, ReportedUsage } from '../providers/cost-report.ts';
import type { CredentialTotal } from '../store/ledger-totals.ts';
import type { ReconciliationResult } from '../store/reconciliations.ts';
import { bigToUsd } from './reconciliation-run.ts';

/** In place of a key's id where all keys are compared together. */
const ALL_KEYS = 'all';
/** In place of the id of a key or model that a row has none of. */
const NONE = 'none';

/** Which credential of the ledger is which key of Anthropic's. */
export interface KeyMap {
  /** Null: not known, all are one. */
  ownKeys: readonly string[] | null;
  keyOf(credential: string | null): string;
}

/** `presentFingerprint`: of the key turns are sent with now; null without one. */
export function mapKeys(keys: readonly OwnKey[], presentFingerprint: string | null): KeyMap {
  const [first] = keys;
  if (!first) return { ownKeys: null, keyOf: () => ALL_KEYS };
  const present = keys.find((key) => key.fingerprint === null) ?? first;
  const byFingerprint = new Map(keys.map((key) => [key.fingerprint ?? presentFingerprint, key.id]));
  return {
    ownKeys: keys.map(({ id }) => id),
    // One that nobody mapped stands for itself, and shows as money that Anthropic does not know of.
    keyOf: (credential) => (credential === null ? present.id : (byFingerprint.get(credential) ?? credential)),
  };
}

/** What a key and model come to on a day. */
export interface ComparedLine {
  apiKeyId: string;
  model: string;
  result: Exclude<ReconciliationResult, 'undrained'>;
  ledgerNanoUsd: bigint;
  counterpartNanoUsd: bigint;
  /** As the ledger names them. */
  ledgerModels: string[];
  credentials: (string | null)[];
  evidence: Record<string, unknown>;
}

interface Sides {
  reported: ReportedCost[];
  ledger: CredentialTotal[];
}

function isTolerable(ledger: bigint, counterpart: bigint, { millionths, nanoUsd }: Tolerance): boolean {
  const magnitude = (amount: bigint): bigint => (amount < 0n ? -amount : amount);
  const difference = magnitude(counterpart - ledger);
  return (
    difference <= BigInt(nanoUsd) || difference * 1_000_000n <= magnitude(counterpart) * BigInt(millionths)
  );
}

function sumOf<T>(rows: readonly T[], amountOf: (row: T) => bigint): bigint {
  return rows.reduce((sum, row) => sum + amountOf(row), 0n);
}

function usageOf(rows: readonly ReportedUsage[]): Record<string, number> {
  const total = (of: (row: ReportedUsage) => number): number => rows.reduce((sum, row) => sum + of(row), 0);
  return {
    input_tokens: total((row) => row.inputTokens),
    cache_write_5m_tokens: total((row) => row.cacheWrite5mTokens),
    cache_write_1h_tokens: total((row) => row.cacheWrite1hTokens),
    cache_read_tokens: total((row) => row.cacheReadTokens),
    output_tokens: total((row) => row.outputTokens),
  };
}

/** Exact amounts add up first; their sum is rounded once. */
function sumCosts(rows: readonly ReportedCost[], amountOf: (row: ReportedCost) => FineUsd): bigint {
  return fineToNanoUsd(sumOf(rows, amountOf));
}

function evidenceOf({ reported, ledger }: Sides): Record<string, unknown> {
  const usages = reported.map(({ usage }) => usage).filter((usage) => usage !== null);
  const keys = Map.groupBy(reported, ({ apiKeyId }) => apiKeyId ?? NONE);
  return {
    reported: {
      amount_usd: bigToUsd(sumCosts(reported, (row) => row.amount)),
      list_usd: bigToUsd(sumCosts(reported, (row) => row.listAmount)),
      requests: reported.reduce((sum, { requests }) => sum + (requests ?? 0), 0),
      usage: usages.length === 0 ? null : usageOf(usages),
      keys: [...keys].map(([id, rows]) => ({
        api_key_id: id,
        amount_usd: bigToUsd(sumCosts(rows, (row) => row.amount)),
      })),
    },
    ledger: {
      charged_usd: bigToUsd(sumOf(ledger, (row) => BigInt(row.nanoUsd))),
      list_usd: bigToUsd(sumOf(ledger, (row) => BigInt(row.listNanoUsd))),
      entries: ledger.reduce((sum, { entries }) => sum + entries, 0),
      usage: usageOf(ledger),
      credentials: [...new Set(ledger.map(({ credential }) => credential))],
    },
  };
}

/** Every key and model with money on either side, in order; `outside`: keys that are not Bursar's. */
export function compareDay(
  reported: readonly ReportedCost[],
  ledger: readonly CredentialTotal[],
  keys: KeyMap,
  tolerance: Tolerance,
): ComparedLine[] {
  const lines = new Map<string, Sides & { apiKeyId: string; model: string }>();
  const sidesOf = (apiKeyId: string, name: string | null): Sides => {
    const model = name === null ? NONE : canonicalId(builtinCatalogue, name);
    const id = JSON.stringify([apiKeyId, model]);
    const sides = lines.get(id) ?? { apiKeyId, model, reported: [], ledger: [] };
    lines.set(id, sides);
    return sides;
  };
  for (const row of reported) {
    const id = keys.ownKeys === null ? ALL_KEYS : (row.apiKeyId ?? NONE);
    sidesOf(id, row.model).reported.push(row);
  }
  for (const row of ledger) sidesOf(keys.keyOf(row.credential), row.model).ledger.push(row);
  return [...lines]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { apiKeyId, model, ...sides }]) => toLine(apiKeyId, model, sides, { keys, tolerance }))
    .filter((line) => line.ledgerNanoUsd !== 0n || line.counterpartNanoUsd !== 0n);
}

function toLine(
  apiKeyId: string,
  model: string,
  sides: Sides,
  { keys, tolerance }: { keys: KeyMap; tolerance: Tolerance },
): ComparedLine {
  const ledgerNanoUsd = sumOf(sides.ledger, (row) => BigInt(row.nanoUsd));
  const counterpartNanoUsd = sumCosts(sides.reported, (row) => row.amount);
  const isOwn = keys.ownKeys === null || keys.ownKeys.includes(apiKeyId) || sides.ledger.length > 0;
  const isFine = isTolerable(ledgerNanoUsd, counterpartNanoUsd, tolerance);
  return {
    apiKeyId,
    model,
    result: !isOwn ? 'outside' : isFine ? 'agrees' : 'differs',
    ledgerNanoUsd,
    counterpartNanoUsd,
    ledgerModels: [...new Set(sides.ledger.map((row) => row.model))],
    credentials: [...new Set(sides.ledger.map((row) => row.credential))],
    evidence: evidenceOf(sides),
  };
}
