/** Days rolled up where no clock does it. */
import { rollUpDays } from '../../worker/finance/roll-up.ts';

/** Rolls up every day before that of `nowMs` that has got entries; how many days of cost centers these were. */
export async function rollUpEveryDay(db: D1Database, nowMs: number): Promise<number> {
  let units = 0;
  for (let isComplete = false; !isComplete; ) {
    const run = await rollUpDays(db, nowMs);
    units += run.units;
    isComplete = run.isComplete;
  }
  return units;
}
