/** What became of played turns, as tables for a terminal. */
import { formatDollars, nanoUsd } from '../../durable-objects/core/money.ts';
import type { Played } from './send-turn.ts';

const DECISIONS = ['proceed', 'downgrade', 'route', 'refuse'] as const;

/** `charged` is nano-USD by turn id. */
export function summarize(played: readonly Played[], charged: ReadonlyMap<string, number>): string {
  const rows = [...Map.groupBy(played, (turn) => turn.costCenter)]
    .sort()
    .map(([id, turns]) => row(id, turns, charged));
  const header = ['cost center', 'turns', ...DECISIONS, 'errors', 'charged'];
  const unrecorded = played.filter(({ turnId }) => turnId !== null && !charged.has(turnId)).length;
  return [
    table([header, ...rows, row('all', played, charged)]),
    table(
      counted(
        'asked → served',
        played.map(({ asked, served }) => `${asked} → ${served}`),
      ),
    ),
    table(
      counted(
        'reason',
        played.flatMap(({ reasons }) => reasons),
      ),
    ),
    unrecorded > 0 ? `${unrecorded} turns are not in the ledger yet.\n` : '',
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** A refusal is a decision, whatever its status; an error is any other answer that is no 200. */
function row(name: string, turns: readonly Played[], charged: ReadonlyMap<string, number>): string[] {
  const errors = turns.filter(({ status, decision }) => status !== 200 && decision !== 'refuse').length;
  const cost = turns.reduce((sum, { turnId }) => sum + (charged.get(turnId ?? '') ?? 0), 0);
  const decided = DECISIONS.map((kind) => String(turns.filter(({ decision }) => decision === kind).length));
  return [name, String(turns.length), ...decided, String(errors), formatDollars(nanoUsd(cost))];
}

/** Each different value with how often it comes, most often first; no table where there is none. */
function counted(name: string, values: readonly string[]): string[][] {
  const groups = [...Map.groupBy(values, (value) => value)].sort(([, a], [, b]) => b.length - a.length);
  return groups.length === 0
    ? []
    : [[name, 'turns'], ...groups.map(([value, all]) => [value, String(all.length)])];
}

function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const aligned = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((cells) => `${cells.map(aligned).join('  ')}\n`).join('');
}
