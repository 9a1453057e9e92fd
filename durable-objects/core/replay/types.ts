/**
 * The dry run's contract: what the replay is given, where it keeps its state, and what it tells in the end. Plain
 * data throughout, so that a job can keep it, send it and go on after a kill.
 */
import type { Catalogue } from '../catalogue/types.ts';
import type { RefusalDecision } from '../decision.ts';
import type { SessionHistory } from '../history.ts';
import type { Hold } from '../hold.ts';
import type { Policy, StageAction } from '../policy/types.ts';
import type { Step } from '../step.ts';
import type { TurnFacts } from '../turn.ts';
import type { TokenCounts } from '../usage.ts';

/** A decision over a turn that was not its last one, because the upstream refused the model it led to. */
export interface EarlierDecision {
  /** The model it led to, which then failed. */
  model: string;
  /** Models not to be tried, as it was told. */
  refused: readonly string[];
  policyVersion: number | null;
  /** When the turn was decided over anew. */
  anew: DecidedAnew;
}

/** When a turn was decided over anew, in the wallet's own order. */
export interface DecidedAnew {
  /** Number of the turn that was opened last by then. */
  openSeq: number;
  /** The wallet's count of settlements by then. */
  settleSeq: number;
  atMs: number;
}

/** Who or what refused a turn: the policy (`pending`: to come back in seconds), a limit besides money, or a person. */
export type RefusalWhy = RefusalDecision['why'] | 'limit' | 'paused' | 'archived' | 'stopped';

/** What a decision was made from, beside standings and policy: of the ledger's `decision_inputs`. */
export interface RecordedInputs {
  history: SessionHistory | null;
  step: Step | null;
  preferred: string | null;
  exempt: boolean;
  /** The only models the key might use; null: every one, and in entries from before keys had any. */
  allowedModels: readonly string[] | null;
  /** Models not to be tried in the last decision, those that failed on the way first. */
  refused: readonly string[];
  /** Null where a person refused the turn. */
  hold: Hold | null;
  /** The wallet's count of settlements when the turn was opened; null in entries from before it was kept. */
  settleSeq: number | null;
  /** The decisions before the last one, in order; most turns have none. */
  earlier: readonly EarlierDecision[];
  /** Why the turn was refused; null where it was not. */
  refusal: RefusalWhy | null;
}

export type ReplayEntryKind = 'charge' | 'correction' | 'refusal' | 'failure';

/** One entry of the ledger, decoded (see `toReplayEntry`). Money is integer nano-USD, instants are epoch ms. */
export interface ReplayEntry {
  turnId: string;
  attempt: number;
  kind: ReplayEntryKind;
  admittedAtMs: number;
  recordedAtMs: number;
  openSeq: number;
  settleSeq: number;
  developer: string;
  keyId: string;
  keyTags: Readonly<Record<string, string>>;
  facts: TurnFacts;
  /** The model the turn was sent to; null where it never was. */
  modelServed: string | null;
  decision: string;
  stage: string | null;
  route: string | null;
  reasons: readonly string[];
  policyVersion: number | null;
  inputs: RecordedInputs;
  tokens: TokenCounts;
  webSearchRequests: number;
  speed: string | null;
  inferenceGeo: string | null;
  /** What the provider took for tokens, in millionths of list prices. */
  priceMillionths: number;
  chargedNanoUsd: number;
  listNanoUsd: number;
  estimatedWhy: string | null;
}

/** A raise as it was in force: from its beginning to the earlier of its end and of somebody's ending it. */
export interface RecordedRaise {
  budget: string;
  /** Null: for every subject of the budget. */
  subject: string | null;
  extraNanoUsd: number;
  fromMs: number;
  /** Exclusive. */
  untilMs: number;
}

export interface Draft {
  /** How the result names it. */
  name: string;
  policy: Policy;
}

export interface ReplaySetup {
  costCenter: string;
  /** IANA; days of the result are counted in it where there is no draft's own. */
  timezone: string;
  /** The span of the turns to replay, half-open, by when they were admitted. */
  fromMs: number;
  toMs: number;
  /** With negotiated prices and lifecycles; `withLifecycles` as of `fromMs` or later. */
  catalogue: Catalogue;
  /** The policy versions that entries name, by number. */
  recorded: ReadonlyMap<number, Policy>;
  /** 1 to 3. */
  drafts: readonly Draft[];
  raises: readonly RecordedRaise[];
  /** Whether drafts begin with what had been spent before `fromMs` in the windows it falls in; else with nothing. */
  seedStanding: boolean;
}

/**
 * Money settled before `fromMs` (of entries with `recorded_at` before it), in the quarter-hour of admission. It is
 * needed as far back as windows reach that `fromMs` falls in (policy/reach).
 */
export interface SeedSpend {
  /** Number of the quarter-hour since the epoch, UTC. */
  quarter: number;
  developer: string;
  keyId: string;
  modelServed: string | null;
  session: string;
  nanoUsd: number;
}

/**
 * Where the replay keeps its state between slices. Synchronous. `write` is called within `checkpoint` alone, `event`
 * at any time: both belong to the transaction that also moves the reader's cursor.
 */
export interface ReplayStore {
  /** Null where nothing was written. */
  read(key: string): string | null;
  /** A null value deletes. */
  write(key: string, value: string | null): void;
  /** Draft by its place in the setup, from 0. */
  event(draft: number, event: ReplayEvent): void;
}

/** Something that would have happened under a draft. */
export interface ReplayEvent {
  /** `alert`: any stage crossed for the first time in its window, whatever it does. */
  kind: 'alert' | 'downgrade' | 'route' | 'refusal';
  atMs: number;
  turnId: string;
  session: string;
  developer: string;
  modelAsked: string;
  /** Null for a refusal. */
  model: string | null;
  /** The budget behind it; null where none is (a route, a model that is not allowed). */
  budget: string | null;
  /** `budget@fraction`. */
  stage: string | null;
  /** What the stage does, of an alert; null of all else. */
  stageAction: StageAction | null;
  /** Whom the budget is counted for, of an alert; null of all else. */
  subject: string | null;
  route: string | null;
  /** As in the ledger; empty for an alert. */
  reasons: readonly string[];
}

/** A session that a draft would have paused. */
export interface PausedSession {
  session: string;
  developer: string;
  /** ISO 8601, UTC. */
  at: string;
  budget: string;
  /** Turns that were served in reality, and come after the refused one. */
  turns_lost: number;
}

export interface BudgetDay {
  budget: string;
  /** What all its subjects spent on the day. */
  spend_usd: string;
  /** Settled of the limit at most, of the subject that came furthest; 1 is the limit. */
  peak_utilization: number;
  /** Where that subject stood when the day's turns were settled. */
  end_utilization: number;
  subject: string;
}

export interface ReplayDay {
  /** YYYY-MM-DD in the draft's time zone. */
  day: string;
  turns: number;
  cost_actual_usd: string;
  cost_replayed_usd: string;
  refused_turns: number;
  downgraded_turns: number;
  routed_turns: number;
  budgets: BudgetDay[];
}

export interface Sensitivity {
  limits: '0.9' | '1.0' | '1.1';
  cost_replayed_usd: string;
  refused_turns: number;
  turns_lost: number;
  downgraded_turns: number;
  routed_turns: number;
}

/** What of `saved_usd` comes from where; they add up to it. A negative part costs more. */
export interface SavedParts {
  /** The same turns at other prices. */
  price_usd: string;
  /** What colder caches cost. */
  cache_usd: string;
  /** Turns that would not have happened. */
  turns_not_happened_usd: string;
  /** Turns that were refused and would have been served. */
  turns_added_usd: string;
}

/** What the ledger cannot tell. */
export interface Unknowable {
  /** Turns refused for good in reality: what would have followed them is not known. */
  refused_turns: number;
  sessions: number;
  /** Of them, those the draft would have served. */
  served_turns: number;
}

/** The policies in force then, replayed over the same turns: what came out otherwise than it was. */
export interface Calibration {
  turns: number;
  /** Turns with the same decision, model, stage and route as in the ledger. */
  decisions_equal: number;
  cost_actual_usd: string;
  cost_replayed_usd: string;
  /** Replayed less actual. */
  cost_error_usd: string;
  /** Turns refused by a person, which no policy decides. */
  refused_by_people: number;
  /** The first turns that differ, at most 20. */
  differences: CalibrationDifference[];
}

export interface CalibrationDifference {
  turn_id: string;
  recorded: string;
  replayed: string;
}

export interface DraftResult {
  name: string;
  /** Turns decided over, refused ones and those that would not have happened included. */
  turns: number;
  cost_actual_usd: string;
  cost_replayed_usd: string;
  saved_usd: string;
  saved: SavedParts;
  downgraded_turns: number;
  routed_turns: number;
  /** Refused for good. */
  refused_turns: number;
  /** Turns that would not have happened, because their session had been refused. */
  turns_lost: number;
  /** Turns told to come back because only open holds stood in the way, each time counted. */
  postponed_turns: number;
  unknowable: Unknowable;
  /** Worst first, at most 100. */
  paused_sessions: PausedSession[];
  paused_sessions_total: number;
  by_day: ReplayDay[];
  sensitivity: Sensitivity[];
}

export interface ReplayResult {
  drafts: DraftResult[];
  calibration: Calibration;
  /** What the figures rest on, in plain sentences. */
  assumptions: string[];
}
