/** What finance does by the clock. Each job stands alone: one that fails is logged and keeps no other from running. */
import type { Bindings } from '../bindings.ts';
import { archiveOldDays } from './archive.ts';
import { anchor } from './audit-anchoring.ts';
import { reportFilling } from './filling.ts';
import { handOverEvents } from './hand-over-events.ts';
import { deleteLeftovers } from './leftovers.ts';
import { reconcileUpstream } from './reconcile-upstream.ts';
import { reconcileWalletsByTheClock } from './reconcile-wallets.ts';
import { rollUpDays } from './roll-up.ts';

type Job = (bindings: Bindings, nowMs: number) => Promise<void>;

const JOBS: Readonly<Record<string, Job>> = {
  'roll-up': async ({ db }, nowMs) => {
    const { units, isComplete } = await rollUpDays(db, nowMs);
    if (!isComplete) console.info({ message: 'not every day is rolled up yet; the next run goes on', units });
  },
  // After the roll-up: only what is rolled up may leave.
  archive: async ({ db, archive }, nowMs) => {
    if (!archive) return;
    const { segments, entries, failed } = await archiveOldDays(db, archive, nowMs);
    if (segments + failed > 0) console.info({ message: 'old days were archived', segments, entries, failed });
  },
  // After the roll-up too, which says which days got entries.
  'anchor of the audit log': async ({ db, signingKeys }, nowMs) => {
    const { isComplete, ...done } = await anchor({ db, signingKeys }, nowMs);
    if (done.anchors > 0) console.info({ message: 'the audit log was anchored', ...done });
    if (!isComplete) console.info({ message: 'not everything is anchored yet; the next run goes on' });
  },
  'leftovers of the archive': async ({ db, archive }) => {
    if (archive) await deleteLeftovers(db, archive.bucket);
  },
  // Days that are due; a run within a minute of another one leaves them to the next.
  'reconciliation with Anthropic': async ({ db, costReport }, nowMs) => {
    if (costReport !== null) await reconcileUpstream({ db, costReport }, null, nowMs);
  },
  'reconciliation of wallets': reconcileWalletsByTheClock,
  // After what writes such events.
  'events for delivery': async (bindings, nowMs) => {
    const unreached = await handOverEvents(bindings, nowMs);
    if (unreached > 0) console.warn({ message: 'alerts were not taken for delivery', unreached });
  },
  filling: async ({ db, archive }, nowMs) => {
    // Counting takes a while: once a day, in the run of the first hour.
    if (new Date(nowMs).getUTCHours() !== 0) return;
    await reportFilling(db, archive?.hotDays ?? null, nowMs);
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
