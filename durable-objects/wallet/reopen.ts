/**
 * Deciding over an open turn anew, because an attempt of it came to nothing: its model was refused, or is not to be had
 * from any provider, or the attempt was given up although it is billed. Under the same turn id, by the same decision, its
 * hold changed in place. Runs inside one transaction.
 */
import { totalTokens } from '../core/usage.ts';
import type { Configuration } from './configuration.ts';
import { earlierDecisions } from './decision-inputs.ts';
import { watchRefusedModel } from './guard-watch.ts';
import { decideOver, LEASE_MS, type Opened, openingOf, toHold, toRefused } from './open.ts';
import { toRefusal } from './refusals.ts';
import type { OpenReply, ReopenCause, ReopenRequest } from './rpc.ts';
import { bookGivenUp } from './settle.ts';
import type { WalletState } from './state.ts';
import type { OpenedTurn } from './turns.ts';

/** A turn that was sent to a model. */
type Sent = OpenedTurn & { model: string };

/**
 * Decides anew after an attempt. The same attempt reported twice gets the same reply; one that is not the turn's present
 * one is a conflict, and so is a turn that is resolved.
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
  const { model } = opened;
  if (row.state !== 'open' || opened.attempt !== attempt || model === null) return { status: 'conflict' };
  const { request } = opened;
  const key = state.keys.find(request.keyId);
  if (!key) return { status: 'key_rejected', problem: 'unknown' };
  if (cause.kind === 'model_refused') watchRefusedModel(state, configuration, opened);
  const before = openedBefore(state, { ...opened, model }, cause);
  const billed = cause.kind === 'billed' ? totalTokens(bookGivenUp(state, opened, cause).tokens) : 0;
  const billedTokens = (opened.billedTokens ?? 0) + billed || undefined;
  const opening = openingOf(state, configuration, request, key, before);
  const decision = decideOver(opening);
  if (decision.kind === 'refuse') {
    // The upstream's own answer tells more than that no other model could take its place.
    if (cause.kind === 'providers_exhausted') return { status: 'nothing_left' };
    const refused = { ...toRefused(opening, toRefusal(opening, decision), decision), billedTokens };
    state.turns.refuse(refused);
    return refused.reply;
  }
  const held = { ...toHold(opening, decision), billedTokens };
  state.turns.reopen(held, opening.nowMs + LEASE_MS);
  return held.reply;
}

/** When the turn was admitted first, and what came to nothing since, the attempt that just did last. */
function openedBefore(state: WalletState, opened: Sent, cause: ReopenCause): Opened {
  const { openSeq, admittedAtMs, decisionInputs, failedModels, model } = opened;
  const base = { openSeq, admittedAtMs, settleSeq: decisionInputs.settleSeq, sentBefore: model };
  if (cause.kind === 'billed') {
    const billedAttempts = opened.billedAttempts + 1;
    return { ...base, failedModels, billedAttempts, earlier: decisionInputs.earlier ?? [] };
  }
  const anew = { ...state.clock.counts(), atMs: state.clock.now() };
  const remember = cause.kind === 'model_refused' && cause.remember;
  return {
    ...base,
    failedModels: [...failedModels, { model, remember }],
    billedAttempts: opened.billedAttempts,
    earlier: earlierDecisions(opened, anew),
  };
}
