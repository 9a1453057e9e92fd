/**
 * Refusals in the audit log: `access.denied`, with who, what, why and where. Whoever sends forged tokens by the million
 * must not fill D1 with them, so an isolate writes a bounded number a minute; the next event after that says how many
 * were left out.
 */
import { recordAct } from '../../store/audit.ts';
import type { Database } from '../../store/database.ts';

const MINUTE_MS = 60_000;
/** Strangers and callers who proved themselves are counted apart: a flood of the ones hides none of the others. */
const A_MINUTE = { stranger: 10, caller: 60 };

type Kind = keyof typeof A_MINUTE;

interface Count {
  minute: number;
  recorded: number;
  /** Since the last event that was written. */
  leftOut: number;
}

const counts: Record<Kind, Count> = {
  stranger: { minute: 0, recorded: 0, leftOut: 0 },
  caller: { minute: 0, recorded: 0, leftOut: 0 },
};

export interface Denial {
  /** As the audit log names them; null: nobody, for nothing was proven. */
  actor: string | null;
  /** What was asked for; null where it is not known, as of a stranger. */
  action: string | null;
  why: string;
  /** "POST /cost_centers/{id}/keys" */
  route: string;
  costCenter: string | null;
}

/** How many were left out before this one; null where this one is left out too. */
function admitted(kind: Kind, nowMs: number): number | null {
  const count = counts[kind];
  const minute = Math.floor(nowMs / MINUTE_MS);
  if (count.minute !== minute) Object.assign(count, { minute, recorded: 0 });
  if (count.recorded >= A_MINUTE[kind]) {
    count.leftOut += 1;
    return null;
  }
  const { leftOut } = count;
  Object.assign(count, { recorded: count.recorded + 1, leftOut: 0 });
  return leftOut;
}

/** Writes a refusal into the audit log, if there is room this minute. Where D1 is away the log has it; never rejects. */
export async function recordDenial(database: Database, denial: Denial, requestId: string): Promise<void> {
  const now = new Date();
  const { actor, action, why, route, costCenter } = denial;
  const kind = actor === null ? 'stranger' : 'caller';
  const leftOut = admitted(kind, now.getTime());
  if (leftOut === null) return;
  const after = { action, why, ...(leftOut > 0 ? { left_out: leftOut } : {}) };
  try {
    await recordAct(
      database,
      { action: 'access.denied', costCenter, target: route, after },
      { actor: actor ?? 'unauthenticated', requestId, at: now.toISOString() },
    );
  } catch (error) {
    counts[kind].leftOut += leftOut + 1;
    console.error({ message: 'a refusal was not recorded', requestId, ...denial, error: String(error) });
  }
}
