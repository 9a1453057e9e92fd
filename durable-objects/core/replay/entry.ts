/** Entries of the ledger as the replay takes them, decoded from their columns. */

import type { Hold } from '../hold.ts';
import { LIST_MILLIONTHS } from '../provider-settings.ts';
import type { TurnFacts } from '../turn.ts';
import type { RecordedInputs, RefusalWhy, ReplayEntry, ReplayEntryKind } from './types.ts';

/** The columns that `toReplayEntry` reads, as D1 has them: what is neither text nor number is JSON text. */
export interface ReplayRow {
  turn_id: string;
  attempt: number;
  kind: string;
  admitted_at: string;
  recorded_at: string;
  open_seq: number;
  settle_seq: number;
  developer: string;
  key_id: string;
  key_tags: string;
  model_served: string | null;
  decision: string;
  stage: string | null;
  route: string | null;
  reasons: string;
  decision_inputs: string;
  policy_version: number | null;
  input_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  cache_read_tokens: number;
  output_tokens: number;
  web_search_requests: number;
  speed: string | null;
  inference_geo: string | null;
  price_millionths: number | null;
  charged_nano_usd: number;
  list_nano_usd: number;
  estimated_why: string | null;
  tools_offered: string;
  tools_used: string;
}

const COLUMNS: Record<keyof ReplayRow, true> = {
  turn_id: true,
  attempt: true,
  kind: true,
  admitted_at: true,
  recorded_at: true,
  open_seq: true,
  settle_seq: true,
  developer: true,
  key_id: true,
  key_tags: true,
  model_served: true,
  decision: true,
  stage: true,
  route: true,
  reasons: true,
  decision_inputs: true,
  policy_version: true,
  input_tokens: true,
  cache_write_5m_tokens: true,
  cache_write_1h_tokens: true,
  cache_read_tokens: true,
  output_tokens: true,
  web_search_requests: true,
  speed: true,
  inference_geo: true,
  price_millionths: true,
  charged_nano_usd: true,
  list_nano_usd: true,
  estimated_why: true,
  tools_offered: true,
  tools_used: true,
};

/** What to select of `ledger_entries`, in no particular order. */
export const REPLAY_COLUMNS = Object.keys(COLUMNS) as readonly (keyof ReplayRow)[];

/** `decision_inputs`, which the wallet wrote; what older wallets did not write yet is optional. */
interface StoredInputs extends Omit<RecordedInputs, 'settleSeq' | 'earlier' | 'refusal' | 'allowedModels'> {
  facts: Omit<TurnFacts, 'toolsOffered' | 'toolsUsed'>;
  settleSeq?: number;
  earlier?: RecordedInputs['earlier'];
  refusal?: RefusalWhy;
  allowedModels?: readonly string[] | null;
}

const BY_PEOPLE = ['paused', 'archived', 'stopped'] as const;

/** Why a turn was refused, in entries from before it was written down: from what else they say. */
function refusalOf({ stage, reasons }: ReplayRow, hold: Hold | null): RefusalWhy {
  if (stage !== null) return 'budget';
  if (hold === null) return BY_PEOPLE.find((why) => reasons.startsWith(`["${why}"`)) ?? 'model';
  return reasons.includes('"unbounded:') ? 'unbounded' : 'pending';
}

/** Lists and tags come again and again, word for word: what was read of a text is read once. */
const readBefore = new Map<string, unknown>();
const MOST_READ = 200;

/** Not to be changed by anybody. Throws a SyntaxError on JSON that cannot be read. */
function readShared<T>(text: string): T {
  const known = readBefore.get(text);
  if (known !== undefined) return known as T;
  const value: unknown = JSON.parse(text);
  if (readBefore.size >= MOST_READ) readBefore.clear();
  readBefore.set(text, value);
  return value as T;
}

/** Decodes one row. Throws a SyntaxError on JSON that cannot be read. */
export function toReplayEntry(row: ReplayRow): ReplayEntry {
  // JSON the wallet wrote itself.
  const { facts, ...inputs } = JSON.parse(row.decision_inputs) as StoredInputs;
  return {
    turnId: row.turn_id,
    attempt: row.attempt,
    kind: row.kind as ReplayEntryKind,
    admittedAtMs: Date.parse(row.admitted_at),
    recordedAtMs: Date.parse(row.recorded_at),
    openSeq: row.open_seq,
    settleSeq: row.settle_seq,
    developer: row.developer,
    keyId: row.key_id,
    keyTags: readShared<Record<string, string>>(row.key_tags),
    facts: {
      ...facts,
      toolsOffered: readShared<string[]>(row.tools_offered),
      toolsUsed: readShared<string[]>(row.tools_used),
    },
    modelServed: row.model_served,
    decision: row.decision,
    stage: row.stage,
    route: row.route,
    reasons: readShared<string[]>(row.reasons),
    policyVersion: row.policy_version,
    inputs: {
      history: inputs.history,
      step: inputs.step,
      preferred: inputs.preferred,
      exempt: inputs.exempt,
      allowedModels: inputs.allowedModels ?? null,
      refused: inputs.refused,
      hold: inputs.hold,
      settleSeq: inputs.settleSeq ?? null,
      earlier: inputs.earlier ?? [],
      refusal: row.decision === 'refuse' ? (inputs.refusal ?? refusalOf(row, inputs.hold)) : null,
    },
    tokens: {
      inputTokens: row.input_tokens,
      cacheWrite5mTokens: row.cache_write_5m_tokens,
      cacheWrite1hTokens: row.cache_write_1h_tokens,
      cacheReadTokens: row.cache_read_tokens,
      outputTokens: row.output_tokens,
    },
    webSearchRequests: row.web_search_requests,
    speed: row.speed,
    inferenceGeo: row.inference_geo,
    priceMillionths: row.price_millionths ?? LIST_MILLIONTHS,
    chargedNanoUsd: row.charged_nano_usd,
    listNanoUsd: row.list_nano_usd,
    estimatedWhy: row.estimated_why,
  };
}
