/**
 * Settled money, kept per quarter-hour of admission so that every window in every time zone sums exactly. The
 * table is the truth; sums once computed are kept in memory and moved along with it.
 */
import { type NanoUsd, nanoUsd } from '../core/money.ts';
import type { Scope } from '../core/policy/types.ts';

const QUARTER_MS = 900_000;
/** A month in any time zone, with days to spare for late corrections. */
export const SPEND_KEPT_MS = 40 * 86_400_000;
/** More sums than any live set of budgets and subjects needs; beyond it they are computed anew. */
const MAX_CACHED_SUMS = 20_000;

/** Whose money it is; the whole key of a bucket but for its time. */
export interface Spender {
  developer: string;
  keyId: string;
  line: string;
  session: string;
}

interface CachedSum {
  startMs: number;
  endMs: number;
  total: number;
}

const COLUMN: Record<Exclude<Scope, 'cost_center'>, string> = { developer: 'developer', key: 'key_id' };

export class Spend {
  readonly #sql: SqlStorage;
  /** By scope and subject. */
  #sums = new Map<string, CachedSum[]>();
  #cached = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Adds (or with a negative amount takes back) money in the quarter-hour of `admittedAtMs`. */
  add(spender: Spender, admittedAtMs: number, amount: NanoUsd): void {
    if (amount === 0) return;
    this.#sql.exec(
      `INSERT INTO spend (quarter, developer, key_id, line, session, nano_usd) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET nano_usd = nano_usd + excluded.nano_usd`,
      Math.floor(admittedAtMs / QUARTER_MS),
      spender.developer,
      spender.keyId,
      spender.line,
      spender.session,
      amount,
    );
    const keys = [
      sumKey('cost_center', ''),
      sumKey('developer', spender.developer),
      sumKey('key', spender.keyId),
    ];
    for (const key of keys) {
      for (const sum of this.#sums.get(key) ?? []) {
        if (admittedAtMs >= sum.startMs && admittedAtMs < sum.endMs) sum.total += amount;
      }
    }
  }

  /** What a subject of a scope has settled in a window whose ends lie on quarter-hours. */
  settled(scope: Scope, subject: string, startMs: number, endMs: number): NanoUsd {
    const key = sumKey(scope, scope === 'cost_center' ? '' : subject);
    const known = this.#sums.get(key) ?? [];
    const found = known.find((sum) => sum.startMs === startMs && sum.endMs === endMs);
    if (found) return nanoUsd(found.total);
    const total = this.#sum(scope, subject, startMs, endMs);
    if (this.#cached >= MAX_CACHED_SUMS) this.reload();
    this.#sums.set(key, [...(this.#sums.get(key) ?? []), { startMs, endMs, total }]);
    this.#cached += 1;
    return nanoUsd(total);
  }

  #sum(scope: Scope, subject: string, startMs: number, endMs: number): number {
    const range = [Math.floor(startMs / QUARTER_MS), Math.floor(endMs / QUARTER_MS)];
    const where = scope === 'cost_center' ? '' : ` AND ${COLUMN[scope]} = ?`;
    const bindings = scope === 'cost_center' ? range : [...range, subject];
    const query = `SELECT coalesce(sum(nano_usd), 0) AS total FROM spend WHERE quarter >= ? AND quarter < ?${where}`;
    return this.#sql.exec<{ total: number }>(query, ...bindings).one().total;
  }

  /** The subjects of a scope with money in a window. */
  subjects(scope: Exclude<Scope, 'cost_center'>, startMs: number, endMs: number): string[] {
    const column = COLUMN[scope];
    const query = `SELECT DISTINCT ${column} AS subject FROM spend WHERE quarter >= ? AND quarter < ?`;
    const range = [Math.floor(startMs / QUARTER_MS), Math.floor(endMs / QUARTER_MS)];
    return [...this.#sql.exec<{ subject: string }>(query, ...range)].map((row) => row.subject);
  }

  /** Drops buckets no window can need any more. */
  forgetBefore(nowMs: number): void {
    this.#sql.exec('DELETE FROM spend WHERE quarter < ?', Math.floor((nowMs - SPEND_KEPT_MS) / QUARTER_MS));
  }

  /** Forgets what a rolled-back transaction did in memory. */
  reload(): void {
    this.#sums = new Map();
    this.#cached = 0;
  }
}

function sumKey(scope: Scope, subject: string): string {
  return `${scope}|${subject}`;
}
