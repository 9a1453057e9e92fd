/** Why a turn is refused, as its client is told. */
import { modelsAllowed } from '../core/cascade.ts';
import { canonicalId } from '../core/catalogue/lookup.ts';
import type { RefusalDecision } from '../core/decision.ts';
import { heldAmount } from '../core/hold.ts';
import * as sentence from '../core/refusal.ts';
import { retryAfterSeconds } from '../core/refuse.ts';
import type { Opening } from './open.ts';
import type { Refusal } from './rpc.ts';
import { toStandingView } from './standings.ts';

/** What a person stopped takes no turns, whatever money it has: a cost center, or one session. */
export function closedRefusal({
  configuration,
  state,
  request,
  nowMs,
}: Pick<Opening, 'configuration' | 'state' | 'request' | 'nowMs'>): Refusal | null {
  const { archived, paused, names } = configuration;
  const base = { retryable: false, retryAfterSeconds: null, standing: null };
  if (archived) return { ...base, why: 'archived', message: sentence.archivedSentence(names) };
  const stop = state.stops.reasonOf(request.facts.session);
  if (stop !== null) return { ...base, why: 'stopped', message: sentence.stoppedSentence(stop, names) };
  if (!paused || (paused.untilMs !== null && paused.untilMs <= nowMs)) return null;
  const retryAfterSeconds = paused.untilMs === null ? null : Math.ceil((paused.untilMs - nowMs) / 1000);
  return {
    ...base,
    why: 'paused',
    retryAfterSeconds,
    message: sentence.pausedSentence(paused.reason, paused.untilMs, names),
  };
}

/** The refusal of a decision. */
export function toRefusal(opening: Opening, decision: RefusalDecision): Refusal {
  const { state, configuration, request, key, policy, nowMs, openSeq } = opening;
  const { names } = configuration;
  const { standing, why } = decision;
  const timezone = policy?.policy.timezone ?? names.timezone;
  const refusal = { why, retryable: false, retryAfterSeconds: null, standing: null };
  if (why === 'model' || !standing) {
    const { model } = request.facts;
    const byKey = key.allowedModels;
    const allowed = modelsAllowed(policy?.policy.allowedModels ?? null, byKey) ?? [];
    const isOfKey = byKey !== null && !byKey.includes(canonicalId(state.catalogue, model));
    return { ...refusal, message: sentence.modelSentence(model, allowed, names, isOfKey) };
  }
  const view = toStandingView(standing, timezone);
  if (why === 'pending') {
    const message = sentence.pendingSentence(standing, names);
    return { why, retryable: true, retryAfterSeconds: retryAfterSeconds(openSeq), message, standing: view };
  }
  if (why === 'unbounded') {
    const message = sentence.unboundedSentence(standing.budget.id, request.facts.unbounded, names);
    return { ...refusal, message, standing: view };
  }
  const needed = decision.hold && heldAmount(decision.hold, standing.budget.admission);
  const message = sentence.spentSentence(standing, needed, timezone, names);
  const untilResetSeconds =
    standing.endMs === null ? null : Math.max(1, Math.ceil((standing.endMs - nowMs) / 1000));
  return { why, retryable: false, retryAfterSeconds: untilResetSeconds, message, standing: view };
}
