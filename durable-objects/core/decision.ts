/** What is decided over a turn, and from what. */

import type { SessionHistory } from './history.ts';
import type { Hold } from './hold.ts';
import type { Stage } from './policy/types.ts';
import type { Standing } from './standing.ts';
import type { Step } from './step.ts';
import type { TurnFacts } from './turn.ts';

export interface TurnToDecide {
  facts: TurnFacts;
  /** Of the turn's (session, agent); null for its first turn. */
  history: SessionHistory | null;
  /** Of the key. */
  tags: Readonly<Record<string, string>>;
  /** The only models its key may use, as the catalogue names them; null: every one that the policy allows. */
  allowedModels: readonly string[] | null;
  /** The thread's step down, whether it still holds or not; null where there is none. */
  step: Step | null;
  /** The model the developer asked to step this session down to, early; null where they did not. */
  preferred: string | null;
  /** An incident: no budget warns, steps down or refuses. */
  exempt: boolean;
  /** Models that the upstream refused for this turn, or lately for the model it asks for. */
  refused: readonly string[];
}

/** A stage that a decision acted on: it counts as crossed even where settled money has not reached it. */
export interface Crossing {
  standing: Standing;
  stage: Stage;
}

export interface Admission {
  kind: 'proceed' | 'downgrade' | 'route';
  model: string;
  /** The `max_tokens` to send in place of the asked ones; null: as asked. */
  maxTokens: number | null;
  hold: Hold;
  /** Codes, the decisive first. */
  reasons: string[];
  /** The stage that acted, as `budget@fraction`; null where none did. */
  stage: string | null;
  /** The route or rule that acted; null where none did. */
  route: string | null;
  /** What made it a step down, strongest first; empty for a plain proceed. */
  crossings: Crossing[];
  /** The thread's step down from now on. */
  step: Step | null;
}

export interface RefusalDecision {
  kind: 'refuse';
  /** `pending`: only other turns' open holds stand in the way, so trying again helps. */
  why: 'budget' | 'pending' | 'model' | 'unbounded';
  /** The budget that refuses, of several the one that resets last; null where no budget does. */
  standing: Standing | null;
  /** The smallest hold that did not fit; null where none was computed. */
  hold: Hold | null;
  reasons: string[];
  stage: string | null;
  crossings: Crossing[];
}

export type Decision = Admission | RefusalDecision;
