/**
 * What turns whose lease ran out can still come to cost: they were charged at the best figure known, and a report
 * that comes late corrects that, up to their ceiling. A guaranteed budget keeps that much aside, or the correction
 * could pass its pause line.
 */
import { RESOLVED_KEPT_MS } from '../core/hold.ts';
import type { Counted, Span } from './spend.ts';
import type { OpenedTurn, TurnRow } from './turns.ts';

interface Residual {
  opened: OpenedTurn;
  openedAtMs: number;
  /** Nano-USD, above 0. */
  amount: number;
  /** Epoch ms from which no report is taken any more. */
  untilMs: number;
}

export class Residuals {
  readonly #byTurn = new Map<string, Residual>();

  /** Notes how a turn stands: expired with something left to its ceiling, or anything else. */
  note({ turnId, state, opened, openedAtMs, leaseExpiresAtMs, charge }: TurnRow): void {
    const amount = (opened?.hold.ceiling ?? 0) - (charge?.nanoUsd ?? 0);
    if (state !== 'expired' || !opened || amount <= 0) {
      this.#byTurn.delete(turnId);
      return;
    }
    const untilMs = leaseExpiresAtMs + RESOLVED_KEPT_MS;
    this.#byTurn.set(turnId, { opened, openedAtMs, amount, untilMs });
  }

  clear(): void {
    this.#byTurn.clear();
  }

  /** What the turns that a guaranteed budget counts in its window can still cost, nano-USD. */
  sum({ scope, subject, line }: Counted, { startMs, endMs }: Span, nowMs: number): number {
    let sum = 0;
    for (const { opened, openedAtMs, amount, untilMs } of this.#byTurn.values()) {
      // Only passed over: who reads the sum writes nothing, and the platform's clock may still go back.
      if (untilMs <= nowMs) continue;
      if (openedAtMs < startMs || (endMs !== null && openedAtMs >= endMs)) continue;
      if (line !== null && opened.line !== line) continue;
      if (scope === 'cost_center' || subjectOf(scope, opened) === subject) sum += amount;
    }
    return sum;
  }

  /** Drops what no report can change any more at `nowMs`, as the turns themselves are forgotten. */
  forgetBefore(nowMs: number): void {
    for (const [turnId, { untilMs }] of this.#byTurn) if (untilMs < nowMs) this.#byTurn.delete(turnId);
  }
}

/** Whom a turn counts for. */
export function subjectOf(
  scope: Exclude<Counted['scope'], 'cost_center'>,
  { developer, request }: OpenedTurn,
): string {
  if (scope === 'developer') return developer;
  return scope === 'key' ? request.keyId : request.facts.session;
}
