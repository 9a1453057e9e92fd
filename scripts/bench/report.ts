/** The results as tables for a terminal. */

import type { CellResult, MemoryResult, ThroughputResult } from './measure.ts';
import type { TurnsResult, WayLatencies } from './measure-ways.ts';
import { ratio } from './statistics.ts';

export interface Results {
  cells: CellResult[];
  throughput: ThroughputResult[];
  memory: MemoryResult[];
  turns: TurnsResult[];
  wayLatencies: WayLatencies[];
}

/** Milliseconds that a target adds to the direct call, at the median and at the 99th percentile. */
export function added(cell: CellResult, target: 'bare' | 'bursar'): { p50: number; p99: number } {
  const { direct, [target]: measured } = cell.latencies;
  return { p50: measured.p50 - direct.p50, p99: measured.p99 - direct.p99 };
}

export const CELL_HEADER = row([
  'load',
  'answer',
  'body',
  'conn',
  'direct p50',
  'p99',
  'bare +p50',
  '+p99',
  'bursar +p50',
  '+p99',
  '× bare',
  '× direct',
]);

/** One cell: what each adds in ms, Bursar's addition as a multiple of bare's, its whole time of direct's. */
export function cellRow(cell: CellResult): string {
  const { direct, bursar } = cell.latencies;
  const bareAdds = added(cell, 'bare');
  const bursarAdds = added(cell, 'bursar');
  return row([
    cell.ratePerSecond === null ? 'closed' : 'paced',
    cell.answer,
    size(cell.bytes),
    String(cell.connections),
    ms(direct.p50),
    ms(direct.p99),
    ms(bareAdds.p50),
    ms(bareAdds.p99),
    ms(bursarAdds.p50),
    ms(bursarAdds.p99),
    times(ratio(bursarAdds.p50, bareAdds.p50)),
    times(ratio(bursar.p50, direct.p50)),
  ]);
}

export const THROUGHPUT_HEADER = row([
  'body',
  'direct /s',
  'bare /s',
  'bursar /s',
  'of direct',
  'of bare',
  'bare CPU',
  'bursar CPU',
  '× bare',
]);

export function throughputRow({ bytes, perSecond, cpuMs }: ThroughputResult): string {
  return row([
    size(bytes),
    perSecond.direct.toFixed(0),
    perSecond.bare.toFixed(0),
    perSecond.bursar.toFixed(0),
    percent(perSecond.bursar / perSecond.direct),
    percent(perSecond.bursar / perSecond.bare),
    `${ms(cpuMs.bare)} ms`,
    `${ms(cpuMs.bursar)} ms`,
    times(ratio(cpuMs.bursar, cpuMs.bare)),
  ]);
}

export function memoryLine(result: MemoryResult): string {
  const above = result.open - result.idle;
  return `${result.streams} open streams of ${size(result.bytes)} requests: ${mib(result.open)}, ${mib(above)} above idle (${mib(result.idle)})`;
}

/** The goals of the project, each with what was measured. */
export function goalLines({ cells, memory }: Results): string[] {
  const latency = [
    { bytes: 50 * 1024, most: 4 },
    { bytes: 1024 * 1024, most: 3 },
  ].flatMap(({ bytes, most }) =>
    cells
      .filter((cell) => cell.bytes === bytes && cell.connections === 1)
      .map((cell) => {
        const measured = ratio(added(cell, 'bursar').p50, added(cell, 'bare').p50);
        const load = cell.ratePerSecond === null ? 'closed' : 'paced';
        return `${verdict(measured !== null && measured <= most)} added p50 at ${size(bytes)}, 1 connection, ${cell.answer}, ${load}: ${times(measured)} bare's (goal ${most})`;
      }),
  );
  const most = Math.max(...memory.map((each) => each.open - each.idle));
  return [
    ...latency,
    `${verdict(most <= 150 * 1024 * 1024)} memory with 64 open streams: ${mib(most)} above idle (goal 150 MiB)`,
  ];
}

export function verdict(isMet: boolean): string {
  return isMet ? 'met   ' : 'MISSED';
}

export function row(fields: readonly string[]): string {
  return fields.map((field) => field.padStart(11)).join(' ');
}

export function size(bytes: number): string {
  return bytes >= 1024 * 1024 ? `${bytes / 1024 / 1024} MB` : `${bytes / 1024} KB`;
}

export function ms(value: number): string {
  return value.toFixed(2);
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
}

export function times(value: number | null): string {
  return value === null ? '–' : `${value.toFixed(1)}×`;
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(0)} %`;
}
