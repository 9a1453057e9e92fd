/** What a hook has to tell a session's developer: that it was stepped down, why, and until when. */
import { causeClause, isPerTurn, shortModel } from '../../durable-objects/core/step-sentence.ts';
import type { CallerView } from '../../durable-objects/wallet/rpc.ts';
import { localTime } from './local-time.ts';

export interface Notice {
  /** One sentence or two. */
  message: string;
  /** The same for what happened once, however often it is asked about. */
  event: string;
}

/** Null where there is nothing to tell. A developer's own wish is no news to them. */
export function noticeOf({ session, asOf, timezone, costCenter }: CallerView): Notice | null {
  const stepDown = session?.stepDown;
  if (!session || !stepDown || session.model === null || session.modelAsked === null) return null;
  const { reason, since, sinceMs, until } = stepDown;
  // A warm cache only keeps what was told before.
  if (reason === 'preferred' || reason.startsWith('sticky')) return null;
  const [model, asked] = [shortModel(session.model), shortModel(session.modelAsked)];
  const cause = causeClause(reason);
  if (isPerTurn(reason)) {
    const message = `Bursar: this session is served by ${model} in place of ${asked} for now: ${cause}; each turn is judged anew.`;
    return { message, event: `${session.session} ${reason} ${model}` };
  }
  const back =
    until === null
      ? `It stays there until the cause is gone.`
      : `It stays there until ${localTime(until, asOf)} (${timezone}), or until a raise.`;
  const message = `Bursar: this session was stepped down from ${asked} to ${model} at ${localTime(since, asOf)}: ${cause} in ${costCenter}. ${back}`;
  return { message, event: `${session.session} ${reason} ${sinceMs}` };
}
