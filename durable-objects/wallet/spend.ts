/**
 * Settled money, kept per quarter-hour of admission so that every window in every time zone sums exactly. The
 * table is the truth; sums once computed are kept in memory and moved along with it.
 */
import { type NanoUsd, nanoUsd } from '../core/money.ts';
import type { Scope } from '../core/policy/types.ts';
import type { Renaming } from '../core/pseudonym.ts';
import { QUARTER_MS } from '../core/window.ts';

const QUARTERS_A_DAY = 96;
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

/** Whose money a budget counts. */
export interface Counted {
  scope: Scope;
  subject: string;
  /** Null: of every line. */
  line: string | null;
}

/** A half-open span of time, epoch ms; a null end is still to come. */
export interface Span {
  startMs: number;
  endMs: number | null;
}

interface CachedSum extends Span {
  total: number;
}

const COLUMN: Record<Exclude<Scope, 'cost_center'>, string> = {
  developer: 'developer',
  key: 'key_id',
  session: 'session',
};

/** The subject of each scope that a spender is. */
function subjectsOf(spender: Spender): [Scope, string][] {
  return [
    ['cost_center', ''],
    ['developer', spender.developer],
    ['key', spender.keyId],
    ['session', spender.session],
  ];
}

export class Spend {
  readonly #sql: SqlStorage;
  /** By scope, subject and line. */
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
    for (const [scope, subject] of subjectsOf(spender)) {
      for (const line of [null, spender.line]) {
        for (const sum of this.#sums.get(sumKey({ scope, subject, line })) ?? []) {
          if (admittedAtMs >= sum.startMs && (sum.endMs === null || admittedAtMs < sum.endMs)) {
            sum.total += amount;
          }
        }
      }
    }
  }

  /** What a budget's subject has settled in a window whose ends lie on quarter-hours. */
  settled(counted: Counted, { startMs, endMs }: Span): NanoUsd {
    const key = sumKey(counted);
    const known = this.#sums.get(key) ?? [];
    const found = known.find((sum) => sum.startMs === startMs && sum.endMs === endMs);
    if (found) return nanoUsd(found.total);
    const total = this.#sum(counted, { startMs, endMs });
    if (this.#cached >= MAX_CACHED_SUMS) this.reload();
    this.#sums.set(key, [...(this.#sums.get(key) ?? []), { startMs, endMs, total }]);
    this.#cached += 1;
    return nanoUsd(total);
  }

  #sum(counted: Counted, span: Span): number {
    const { where, bindings } = condition(counted, span);
    const query = `SELECT coalesce(sum(nano_usd), 0) AS total FROM spend WHERE ${where}`;
    return this.#sql.exec<{ total: number }>(query, ...bindings).one().total;
  }

  /** Whose money a budget counted in a span, dearest first, at most `limit`. A session has its developer beside it. */
  dearest(
    counted: Counted,
    span: Span,
    by: 'developer' | 'session' | 'line',
    limit: number,
  ): { name: string; developer: string; nanoUsd: NanoUsd }[] {
    const { where, bindings } = condition(counted, span);
    const query = `SELECT ${by} AS name, max(developer) AS developer, sum(nano_usd) AS total FROM spend
       WHERE ${where} GROUP BY ${by} HAVING total > 0 ORDER BY total DESC, name LIMIT ?`;
    const rows = this.#sql.exec<{ name: string; developer: string; total: number }>(
      query,
      ...bindings,
      limit,
    );
    return [...rows].map(({ name, developer, total }) => ({ name, developer, nanoUsd: nanoUsd(total) }));
  }

  /** What a budget counted in a span, by quarter-hour (its number since the epoch). */
  byQuarter(counted: Counted, span: Span): Map<number, number> {
    const { where, bindings } = condition(counted, span);
    const query = `SELECT quarter, sum(nano_usd) AS total FROM spend WHERE ${where} GROUP BY quarter`;
    const rows = this.#sql.exec<{ quarter: number; total: number }>(query, ...bindings);
    return new Map([...rows].map(({ quarter, total }) => [quarter, total]));
  }

  /** The subjects of a scope with money in a window. */
  subjects(scope: Exclude<Scope, 'cost_center'>, span: Span): string[] {
    const column = COLUMN[scope];
    const query = `SELECT DISTINCT ${column} AS subject FROM spend WHERE quarter >= ? AND quarter < ?`;
    return [...this.#sql.exec<{ subject: string }>(query, ...quartersOf(span))].map((row) => row.subject);
  }

  /** A developer's money in a window, by session. */
  bySession(developer: string, span: Span): Map<string, NanoUsd> {
    const query = `SELECT session, sum(nano_usd) AS total FROM spend
       WHERE developer = ? AND quarter >= ? AND quarter < ? GROUP BY session`;
    const rows = this.#sql.exec<{ session: string; total: number }>(query, developer, ...quartersOf(span));
    return new Map([...rows].map(({ session, total }) => [session, nanoUsd(total)]));
  }

  /** Money by UTC day (its beginning, epoch ms) and developer, in this order. Throws beyond a safe integer. */
  byDayAndDeveloper(span: Span): { dayMs: number; developer: string; settledNanoUsd: NanoUsd }[] {
    const query = `SELECT quarter / ${QUARTERS_A_DAY} AS day, developer, sum(nano_usd) AS total FROM spend
       WHERE quarter >= ? AND quarter < ? GROUP BY day, developer ORDER BY day, developer`;
    const rows = this.#sql.exec<{ day: number; developer: string; total: number }>(
      query,
      ...quartersOf(span),
    );
    return [...rows].map(({ day, developer, total }) => ({
      dayMs: day * QUARTERS_A_DAY * QUARTER_MS,
      developer,
      settledNanoUsd: nanoUsd(total),
    }));
  }

  /** Gives a developer's buckets another name, quarter by quarter: every sum stays what it is. */
  rename({ developer, pseudonym }: Renaming): void {
    this.#sql.exec(
      `INSERT INTO spend (quarter, developer, key_id, line, session, nano_usd)
       SELECT quarter, ?2, key_id, line, session, nano_usd FROM spend WHERE developer = ?1
       ON CONFLICT DO UPDATE SET nano_usd = nano_usd + excluded.nano_usd`,
      developer,
      pseudonym,
    );
    this.#sql.exec('DELETE FROM spend WHERE developer = ?', developer);
    this.reload();
  }

  /** Drops buckets no window can need any more: of sessions active since `sessionsSinceMs`, none. */
  forgetBefore(nowMs: number, sessionsSinceMs: number): void {
    this.#sql.exec(
      `DELETE FROM spend WHERE quarter < ?
       AND session NOT IN (SELECT session FROM session_spans WHERE last_at_ms >= ?)`,
      Math.floor((nowMs - SPEND_KEPT_MS) / QUARTER_MS),
      sessionsSinceMs,
    );
  }

  /** Forgets what a rolled-back transaction did in memory. */
  reload(): void {
    this.#sums = new Map();
    this.#cached = 0;
  }
}

/** The buckets a budget counts in a span. */
function condition(
  { scope, subject, line }: Counted,
  span: Span,
): { where: string; bindings: (string | number)[] } {
  const conditions = ['quarter >= ?', 'quarter < ?'];
  const bindings: (string | number)[] = quartersOf(span);
  if (scope !== 'cost_center') {
    conditions.push(`${COLUMN[scope]} = ?`);
    bindings.push(subject);
  }
  if (line !== null) {
    conditions.push('line = ?');
    bindings.push(line);
  }
  return { where: conditions.join(' AND '), bindings };
}

function quartersOf({ startMs, endMs }: Span): number[] {
  return [
    Math.floor(startMs / QUARTER_MS),
    endMs === null ? Number.MAX_SAFE_INTEGER : Math.floor(endMs / QUARTER_MS),
  ];
}

function sumKey({ scope, subject, line }: Counted): string {
  return `${scope}|${line ?? ''}|${scope === 'cost_center' ? '' : subject}`;
}
