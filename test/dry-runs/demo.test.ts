import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { writeLedger } from '../../scripts/demo/write.ts';
import { createCostCenter } from '../fixture.ts';
import { generateTraffic } from '../traffic/generate.ts';
import { squadsOf } from '../traffic/squads.ts';
import { dayBudget, useFakeClock } from '../wallet/scenario.ts';
import { ask, finish } from './scenario.ts';

const NOW = '2035-03-28T12:00:00.000Z';
/** Saturday to Monday; on the Sunday clocks go forward in Berlin. */
const SPAN = { from: '2035-03-24', to: '2035-03-27' };

useFakeClock(NOW);

test('the demo traffic comes out turn by turn as it was, across a change of the clocks', async () => {
  const [squad] = squadsOf(1).slice(2);
  if (!squad) throw new Error('no squad');
  await createCostCenter(squad.id, dayBudget('100'));
  const turns = [...generateTraffic({ seed: 1, startMs: Date.parse(SPAN.from), days: 3, squads: [squad] })];
  const traffic = { seed: 1, turns, nowMs: Date.parse(NOW) };
  const { entries, chargedNanoUsd } = await writeLedger(env.DB, traffic, () => undefined);
  const policy = { ...dayBudget('30'), timezone: 'Europe/Berlin' };
  const { result } = await finish(squad.id, await ask(squad.id, { policy, ...SPAN }));
  expect(result).toMatchObject({
    turns: entries,
    calibration: { turns: entries, decisions_equal: entries, cost_error_usd: '0.00', differences: [] },
  });
  const { by_day: days, cost_actual_usd: cost } = Object(result);
  expect(Number(cost)).toBeCloseTo(chargedNanoUsd / 1e9, 9);
  const byDay: { day: string; turns: number }[] = days;
  const berlin = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin' });
  const counted = Map.groupBy(turns, ({ atMs }) => berlin.format(atMs));
  expect(byDay.map(({ day, turns: count }) => [day, count])).toEqual(
    [...counted].map(([day, those]) => [day, those.length]),
  );
  expect(counted.size).toBeGreaterThan(1);
});
