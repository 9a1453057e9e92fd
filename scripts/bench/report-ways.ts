/** The ways through Bursar beside each other, as tables for a terminal. */
import { DIRECT, type TurnsResult, type WayLatencies, type WayTurns } from './measure-ways.ts';
import { COMPARED_BYTES } from './plan.ts';
import { ms, type Results, row, size, times, verdict } from './report.ts';
import { median } from './statistics.ts';
import { NATIVE_WAY, WAYS } from './ways.ts';

/** What a dialect or a provider may cost of the native way's CPU. */
const MOST_OF_NATIVE = 2;

export const TURNS_HEADER = row([
  'answer',
  'body',
  'conn',
  'way',
  '/s',
  'CPU ms',
  '× native',
  'least',
  'most',
]);

/** A line a way. */
export function turnsRows({ answer, bytes, connections, ways }: TurnsResult): string[] {
  return ways.map(({ way, cpuMs, ofNative, perSecond }) =>
    row([
      answer,
      size(bytes),
      String(connections),
      way,
      perSecond.toFixed(0),
      ms(median(cpuMs)),
      ms(Math.min(...cpuMs)),
      `${median(ofNative).toFixed(2)}×`,
      Math.min(...ofNative).toFixed(2),
      Math.max(...ofNative).toFixed(2),
    ]),
  );
}

export const WAY_LATENCY_HEADER = row([
  'answer',
  'body',
  'conn',
  'direct p50',
  ...WAYS.map(({ name }) => `+${name}`),
]);

/** One cell: the direct call's median, and what each way adds to it. */
export function wayLatencyRow({ answer, bytes, connections, latencies }: WayLatencies): string {
  const direct = latencies[DIRECT]?.p50 ?? Number.NaN;
  const added = WAYS.map(({ name }) => ms((latencies[name]?.p50 ?? Number.NaN) - direct));
  return row([answer, size(bytes), String(connections), ms(direct), ...added]);
}

/** Whether each way keeps to the goal, at the size it is set for. */
export function wayGoalLines({ turns }: Results): string[] {
  return turns
    .filter(({ bytes }) => bytes === COMPARED_BYTES)
    .flatMap(({ answer, ways }) =>
      ways.filter(({ way }) => way !== NATIVE_WAY.name).map((way) => goalLine(way, answer)),
    );
}

function goalLine({ way, ofNative }: WayTurns, answer: string): string {
  const measured = median(ofNative);
  return `${verdict(measured <= MOST_OF_NATIVE)} CPU a turn at ${size(COMPARED_BYTES)}, ${way}, ${answer}: ${times(measured)} the native way's (goal ${MOST_OF_NATIVE})`;
}
