/** What finance does by the clock. Each job stands alone: one that fails is logged and keeps no other from running. */
import type { Bindings } from '../bindings.ts';
import { rollUpDays } from './roll-up.ts';

type Job = (bindings: Bindings, nowMs: number) => Promise<void>;

const JOBS: Readonly<Record<string, Job>> = {
  'roll-up': async ({ db }, nowMs) => {
    const { units, isComplete } = await rollUpDays(db, nowMs);
    if (!isComplete) console.info({ message: 'not every day is rolled up yet; the next run goes on', units });
  },
};

/** Never rejects. */
export async function runFinance(bindings: Bindings, nowMs: number): Promise<void> {
  for (const [job, run] of Object.entries(JOBS)) {
    try {
      await run(bindings, nowMs);
    } catch (error) {
      console.error({ message: 'a scheduled job of finance failed', job, error: String(error) });
    }
  }
}
