/** A recorded ledger as a test writes it down: turns opened and settled in an order of its own, without a wallet. */
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { priceUsage } from '../../../durable-objects/core/catalogue/price.ts';
import { Replay } from '../../../durable-objects/core/replay/replay.ts';
import type {
  RecordedInputs,
  ReplayEntry,
  ReplayResult,
  ReplaySetup,
} from '../../../durable-objects/core/replay/types.ts';
import type { TurnFacts } from '../../../durable-objects/core/turn.ts';
import { NO_TOKENS, type TokenCounts } from '../../../durable-objects/core/usage.ts';
import { turnFacts } from '../../turn-facts.ts';
import { NOW } from '../judging.ts';
import { MemoryStore } from './memory-store.ts';

export const SECOND_MS = 1_000;

/** What is particular about a turn. */
export interface Recorded {
  /** When it was opened and how long it took, seconds after the beginning. */
  at: number;
  took?: number;
  session?: string;
  developer?: string;
  facts?: Partial<TurnFacts>;
  inputs?: Partial<RecordedInputs>;
  tokens?: Partial<TokenCounts>;
  rest?: Partial<ReplayEntry>;
}

/** Output of Opus 5.5 that costs this much; every other token is free of interest here. */
export function costing(usd: number): Partial<TokenCounts> {
  return { outputTokens: Math.round(usd * 50_000) };
}

const NO_INPUTS: RecordedInputs = {
  history: null,
  step: null,
  preferred: null,
  allowedModels: null,
  exempt: false,
  refused: [],
  hold: null,
  settleSeq: null,
  earlier: [],
  refusal: null,
};

export class RecordedLedger {
  readonly entries: ReplayEntry[] = [];

  /** A turn that proceeded and was charged what its tokens cost. */
  charge({ at, took = 1, session = 's', developer = 'dev@example.com', ...given }: Recorded): ReplayEntry {
    const number = this.entries.length + 1;
    const facts = turnFacts({ session, bodyBytes: 1_000, ...given.facts });
    const tokens = { ...NO_TOKENS, ...given.tokens };
    const admittedAtMs = NOW + at * SECOND_MS;
    const usage = { model: null, tokens, webSearchRequests: 0, speed: null, inferenceGeo: null };
    const { nanoUsd } = priceUsage({
      usage: { ...usage, serviceTier: null, iterations: null },
      sentModel: facts.model,
      atMs: admittedAtMs,
      catalogue: builtinCatalogue,
    });
    const entry: ReplayEntry = {
      turnId: `t${number}`,
      attempt: 1,
      kind: 'charge',
      admittedAtMs,
      recordedAtMs: admittedAtMs + took * SECOND_MS,
      openSeq: number,
      settleSeq: number,
      developer,
      keyId: `key of ${developer}`,
      keyTags: {},
      facts,
      modelServed: facts.model,
      decision: 'proceed',
      stage: null,
      route: null,
      reasons: [],
      policyVersion: null,
      inputs: { ...NO_INPUTS, ...given.inputs },
      tokens,
      webSearchRequests: 0,
      speed: null,
      inferenceGeo: null,
      priceMillionths: 1_000_000,
      chargedNanoUsd: nanoUsd,
      listNanoUsd: nanoUsd,
      estimatedWhy: null,
      ...given.rest,
    };
    this.entries.push(entry);
    return entry;
  }

  /** A turn that was refused. */
  refuse(recorded: Recorded, refusal: NonNullable<RecordedInputs['refusal']>): ReplayEntry {
    return this.charge({
      ...recorded,
      inputs: { ...recorded.inputs, refusal },
      rest: {
        kind: 'refusal',
        modelServed: null,
        decision: 'refuse',
        chargedNanoUsd: 0,
        listNanoUsd: 0,
        tokens: NO_TOKENS,
        ...recorded.rest,
      },
    });
  }

  /** A further entry of the turn charged last. */
  correct(entry: ReplayEntry, rest: Partial<ReplayEntry>): void {
    const at = this.entries.indexOf(entry);
    this.entries.splice(at + 1, 0, { ...entry, kind: 'correction', tokens: NO_TOKENS, ...rest });
  }
}

export function setupWith(
  policy: ReplaySetup['drafts'][number]['policy'],
  rest: Partial<ReplaySetup> = {},
): ReplaySetup {
  return {
    costCenter: 'squad',
    timezone: 'UTC',
    fromMs: NOW,
    toMs: NOW + 30 * 86_400_000,
    catalogue: builtinCatalogue,
    recorded: new Map(),
    drafts: [{ name: 'draft', policy }],
    raises: [],
    seedStanding: true,
    ...rest,
  };
}

export function replayed(
  setup: ReplaySetup,
  entries: readonly ReplayEntry[],
  store = new MemoryStore(),
): { result: ReplayResult; store: MemoryStore } {
  const replay = new Replay(setup, store);
  for (const entry of entries) replay.take(entry);
  return { result: replay.finish(), store };
}
