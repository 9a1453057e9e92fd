/**
 * Deciding over an open turn anew, because the upstream refused the model it was stepped down to: under the same
 * turn id, by the same decision, its hold changed in place. Nothing was billed for the attempt that failed.
 * Runs inside one transaction.
 */
import type { Configuration } from './configuration.ts';
import { earlierDecisions } from './decision-inputs.ts';
import { watchRefusedModel } from './guard-watch.ts';
import { decideOver, LEASE_MS, openingOf, toHold, toRefused } from './open.ts';
import { toRefusal } from './refusals.ts';
import type { OpenReply, ReopenRequest } from './rpc.ts';
import type { WalletState } from './state.ts';

/**
 * Decides anew without the models that failed. The same attempt reported twice gets the same reply; one that is
 * not the turn's present one is a conflict, and so is a turn that is resolved.
 */
export function reopenTurn(
  state: WalletState,
  configuration: Configuration,
  { turnId, attempt, cause }: ReopenRequest,
): OpenReply {
  const row = state.turns.find(turnId);
  if (!row?.opened) return { status: 'conflict' };
  const { opened } = row;
  const isRepeated = opened.attempt === attempt + 1 && (row.state === 'open' || row.state === 'refused');
  if (isRepeated) return opened.reply;
  if (row.state !== 'open' || opened.attempt !== attempt || opened.model === null) {
    return { status: 'conflict' };
  }
  const { request, openSeq, admittedAtMs } = opened;
  const key = state.keys.find(request.keyId);
  if (!key) return { status: 'key_rejected', problem: 'unknown' };
  watchRefusedModel(state, configuration, opened);
  const remember = cause.kind === 'model_refused' && cause.remember;
  const failedModels = [...opened.failedModels, { model: opened.model, remember }];
  const anew = { ...state.clock.counts(), atMs: state.clock.now() };
  const before = { openSeq, admittedAtMs, settleSeq: opened.decisionInputs.settleSeq, failedModels };
  const earlier = earlierDecisions({ ...opened, model: opened.model }, anew);
  const opening = openingOf(state, configuration, request, key, { ...before, earlier });
  const decision = decideOver(opening);
  if (decision.kind === 'refuse') {
    const refused = toRefused(opening, toRefusal(opening, decision), decision);
    state.turns.refuse(refused);
    return refused.reply;
  }
  const held = toHold(opening, decision);
  state.turns.reopen(held, opening.nowMs + LEASE_MS);
  return held.reply;
}
