/** When D1 will be full, and what to do about it. */
import { MAX_DATABASE_BYTES, readStorage, type StorageFacts } from '../store/storage.ts';
import { dayOf } from './roll-up.ts';

const DAY_MS = 86_400_000;
const PACE_DAYS = 7;
/** From here on the log says each day what there is to do. */
const WARN_FROM = 0.7;
/** An entry with its indexes, where there are too few of them to tell; measured in docs/scale.md. */
const USUAL_ENTRY_BYTES = 3_300;
const ENOUGH_ENTRIES = 1_000;

export interface Filling extends StorageFacts {
  maxBytes: number;
  /** A fraction of `maxBytes`. */
  full: number;
  bytesAnEntry: number;
  /** At the present pace, from now on; null where it does not fill: nothing comes, or as much leaves. */
  daysUntilFull: number | null;
  /** One sentence: what to switch on or change, or that there is nothing to do. */
  advice: string;
}

/** `hotDays`: null where nothing is archived. */
export async function measureFilling(
  db: D1Database,
  hotDays: number | null,
  nowMs: number,
): Promise<Filling> {
  const today = dayOf(nowMs);
  const facts = await readStorage(db, { firstDay: dayOf(nowMs - PACE_DAYS * DAY_MS), today });
  return { ...facts, ...judge(facts, hotDays) };
}

type Judgement = Omit<Filling, keyof StorageFacts>;

/** What the facts come to. `hotDays` as above. */
export function judge(facts: StorageFacts, hotDays: number | null): Judgement {
  const { bytes, ledgerEntries, entriesADay } = facts;
  const bytesAnEntry = ledgerEntries < ENOUGH_ENTRIES ? USUAL_ENTRY_BYTES : Math.round(bytes / ledgerEntries);
  const bytesADay = entriesADay * bytesAnEntry;
  const settlesAt = hotDays === null ? Number.POSITIVE_INFINITY : bytesADay * hotDays;
  const fills = bytesADay > 0 && settlesAt > MAX_DATABASE_BYTES;
  const daysUntilFull = fills ? Math.max(0, Math.floor((MAX_DATABASE_BYTES - bytes) / bytesADay)) : null;
  const full = bytes / MAX_DATABASE_BYTES;
  return {
    maxBytes: MAX_DATABASE_BYTES,
    full,
    bytesAnEntry,
    daysUntilFull,
    advice: adviceFor({ full, fills, daysUntilFull, hotDays, mostDays: MAX_DATABASE_BYTES / bytesADay }),
  };
}

function adviceFor(judged: {
  full: number;
  fills: boolean;
  daysUntilFull: number | null;
  hotDays: number | null;
  mostDays: number;
}): string {
  const { full, fills, daysUntilFull, hotDays, mostDays } = judged;
  // Room for a quarter more than the present pace.
  const fitting = Math.max(2, Math.floor(mostDays * 0.8));
  if (fills && hotDays === null) {
    const keep = fitting < 90 ? ` and set HOT_DAYS to ${fitting}` : '';
    return `D1 is full in ${daysUntilFull} days: bind an R2 bucket as ARCHIVE${keep} (docs/scale.md).`;
  }
  if (fills) {
    return mostDays < 2
      ? 'D1 does not hold two days at this pace: run a gateway and a database for each part of the company (docs/scale.md).'
      : `D1 is full in ${daysUntilFull} days: set HOT_DAYS to ${fitting} (docs/scale.md).`;
  }
  return full > WARN_FROM
    ? 'D1 is filled with more than the ledger accounts for: see docs/scale.md.'
    : 'There is nothing to do.';
}

/** Logs a filling that wants an answer. */
export async function reportFilling(db: D1Database, hotDays: number | null, nowMs: number): Promise<void> {
  const { full, daysUntilFull, advice } = await measureFilling(db, hotDays, nowMs);
  if (full < WARN_FROM) return;
  console.warn({ message: 'D1 is filling up', full, daysUntilFull, advice });
}
