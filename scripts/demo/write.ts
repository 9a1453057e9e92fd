/** Writes made-up turns to a ledger, in batches, through the ledger's one writer. */
import { append } from '../../durable-objects/ledger/append.ts';
import type { TrafficTurn } from '../../test/traffic/turn.ts';
import { DemoLedger } from './entries.ts';

/** About 1 MB of JSON a statement, half of what D1 takes. */
const ENTRIES_A_BATCH = 400;

export interface Written {
  /** Entries that were given to the ledger, whether it had them already or not. */
  entries: number;
  chargedNanoUsd: number;
}

/**
 * Writes the turns that had ended by `nowMs`; the ledger knows no turn that still runs. What is there already is
 * left as it is. `onBatch` is told how many entries have been given so far.
 */
export async function writeLedger(
  db: D1Database,
  traffic: { seed: number; turns: Iterable<TrafficTurn>; nowMs: number },
  onBatch: (entries: number) => void,
): Promise<Written> {
  const ledger = new DemoLedger(traffic.seed);
  const written: Written = { entries: 0, chargedNanoUsd: 0 };
  let batch: string[] = [];
  const flush = async (): Promise<void> => {
    await append(db, batch, []);
    batch = [];
    onBatch(written.entries);
  };
  for (const turn of traffic.turns) {
    const entry = ledger.entryOf(turn);
    if (turn.atMs + turn.durationMs > traffic.nowMs) continue;
    written.entries += 1;
    written.chargedNanoUsd += entry.charged_nano_usd;
    if (batch.push(JSON.stringify(entry)) >= ENTRIES_A_BATCH) await flush();
  }
  await flush();
  return written;
}
