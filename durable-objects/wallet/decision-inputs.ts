/** What a decision was made from, as the ledger keeps it: enough, with the standings, to make it again. */
import { isInForce } from '../core/catalogue/overrides.ts';
import type { Decision, TurnToDecide } from '../core/decision.ts';
import type { Hold } from '../core/hold.ts';
import type { EarlierDecision } from '../core/replay/types.ts';
import type { TurnFacts } from '../core/turn.ts';
import type { Opening } from './open.ts';
import type { OpenReply, Refusal } from './rpc.ts';
import type { OpenedTurn } from './turns.ts';

/** Beside the standings. Tool names and tags have columns of their own. */
export interface DecisionInputs extends Omit<TurnToDecide, 'facts' | 'tags' | 'allowedModels'> {
  facts: Omit<TurnFacts, 'toolsOffered' | 'toolsUsed'>;
  /** Absent where the key may use every model. */
  allowedModels?: readonly string[] | undefined;
  catalogue: string;
  priceOverrides: string[];
  hold: Hold | null;
  openSeq: number;
  /** The wallet's count of settlements when the turn was opened: which of them its first decision had seen. */
  settleSeq?: number | undefined;
  /** Decisions before this one; absent where it is the first. */
  earlier?: readonly EarlierDecision[] | undefined;
  /** Why the turn was refused; absent where it was not. */
  refusal?: Refusal['why'] | undefined;
}

export function decisionInputs(
  opening: Opening,
  decision: Decision | null,
  reply: OpenReply,
): DecisionInputs {
  const { turn, state, openSeq, settleSeq, earlier, nowMs } = opening;
  const { toolsOffered: _, toolsUsed: __, ...facts } = turn.facts;
  const { tags: ___, allowedModels, ...inputs } = turn;
  return {
    ...inputs,
    facts,
    allowedModels: allowedModels ?? undefined,
    catalogue: state.catalogue.version,
    priceOverrides: state.catalogue.overrides.filter((each) => isInForce(each, nowMs)).map(({ id }) => id),
    hold: decision?.hold ?? null,
    openSeq,
    settleSeq,
    earlier: earlier.length > 0 ? earlier : undefined,
    refusal: reply.status === 'refused' ? reply.refusal.why : undefined,
  };
}

/** The decisions over a turn that is about to be decided over anew, the one that just failed last. */
export function earlierDecisions(
  { decisionInputs: inputs, model, policyVersion }: OpenedTurn & { model: string },
  anew: EarlierDecision['anew'],
): EarlierDecision[] {
  return [...(inputs.earlier ?? []), { model, refused: inputs.refused, policyVersion, anew }];
}
