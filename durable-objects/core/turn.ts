/**
 * The facts of a turn that a decision, an estimate and the ledger rest on: read once from the request, without
 * any of its text. The client's words (kind, session, agent) group and attribute; they never protect.
 */

export const TURN_KINDS = ['main', 'subagent', 'auxiliary', 'compaction'] as const;
export type TurnKind = (typeof TURN_KINDS)[number];

/** What a request asks for beyond tokens; each has a price or can be refused by some model. */
export interface AskedModifiers {
  /** `speed` of the body ("fast"), null where absent. */
  speed: string | null;
  /** `inference_geo` of the body, null where absent. */
  inferenceGeo: string | null;
  /**
   * What the provider takes above (or below) list prices for tokens, in millionths: 1,100,000 is 10 % more. Of a turn
   * that is not answered yet: the dearest provider it may go to. Absent: list prices.
   */
  providerMillionths?: number | undefined;
}

export interface TurnFacts {
  model: string;
  kind: TurnKind;
  session: string;
  /** Null for the main loop. */
  agent: string | null;
  stream: boolean;
  /** Size of the request's body in bytes, as received. */
  bodyBytes: number;
  /** `max_tokens` of the body; null where absent or not a positive integer (the upstream then refuses it). */
  maxTokens: number | null;
  messageCount: number;
  imageCount: number;
  /** Whether the prompt ends in an answer the client began (a last message of role assistant). */
  prefill: boolean;
  /** Whether the prompt marks cache breakpoints, and the longest TTL among them. */
  cacheTtl: 'none' | '5m' | '1h';
  modifiers: AskedModifiers;
  /** `thinking.type` asked for, null where absent. */
  thinking: string | null;
  /** `output_config.effort` asked for, null where absent. */
  effort: string | null;
  toolsOffered: string[];
  /** Names of the tools called in the last assistant message of the prompt. */
  toolsUsed: string[];
  /** Whether any of the last message's tool results is an error; null where it has no tool results. */
  toolResultsFailed: boolean | null;
  /** Why no ceiling of this turn's cost can be computed (`url_input`, `server_tools`, …); empty where one can. */
  unbounded: string[];
  /** What of the request not every provider has (`structured_output`, `output_format`, `tool_changes`); absent: nothing. */
  needs?: string[] | undefined;
  /** Models that the provider may fall back to, by first-party name; `default`: those it chooses. Absent: none. */
  fallbackModels?: string[] | undefined;
  /** Paid for with the developer's own credential: counted and staged, but not billed to the organisation. */
  ownCredential?: true | undefined;
}
