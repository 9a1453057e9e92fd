/**
 * The roll-up of days that are over: sums of the ledger that stay when its entries leave D1. The ledger itself
 * marks the units that got entries (a trigger, in the entry's own transaction), so late ones are never missed.
 */
import { listDirtyUnits, rollUpStatements } from '../store/daily-rollups.ts';

/** Cost centers that share a statement, and units of one run: two hundred statements of the thousand D1 takes. */
const UNITS_AT_ONCE = 20;
const UNITS_A_RUN = 1_000;
/** A run begins no further statement after this time; the next run goes on. */
const RUN_MS = 60_000;

export interface RolledUp {
  units: number;
  /** False: there is more to do than one run does. */
  isComplete: boolean;
}

/** The UTC day of an instant, 'yyyy-mm-dd'. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Rolls up every day before `endDay` (today) that has got entries since its last roll-up, oldest first. */
export async function rollUpDays(
  db: D1Database,
  nowMs: number,
  { endDay = dayOf(nowMs) }: { endDay?: string } = {},
): Promise<RolledUp> {
  const began = performance.now();
  const units = await listDirtyUnits(db, endDay, UNITS_A_RUN);
  let done = 0;
  while (done < units.length && performance.now() - began < RUN_MS) {
    const day = units[done]?.day ?? '';
    const costCenters = units
      .slice(done, done + UNITS_AT_ONCE)
      .filter((unit) => unit.day === day)
      .map((unit) => unit.costCenter);
    await db.batch(rollUpStatements(db, { day, costCenters }, new Date(nowMs).toISOString()));
    done += costCenters.length;
  }
  return { units: done, isComplete: done === units.length && units.length < UNITS_A_RUN };
}
