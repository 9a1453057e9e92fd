/**
 * The Models API over the catalogue, for a provider that has none of its own: `/v1/models` in pages,
 * `/v1/models/{id}`. Retired models are listed where `lifecycle[]` asks for them.
 */
import type { ModelCapabilities, ModelInfo } from '@anthropic-ai/sdk/resources/models';
import { z } from 'zod';
import { LIFECYCLES } from '../../durable-objects/core/catalogue/lifecycles.ts';
import { findModel, isRetired } from '../../durable-objects/core/catalogue/lookup.ts';
import type { Catalogue, Model } from '../../durable-objects/core/catalogue/types.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import type { ErrorType } from '../envelope.ts';
import { describeCapabilities } from './model-capabilities.ts';

const LINES = ['haiku', 'sonnet', 'opus', 'fable', 'mythos'] as const;
const query = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(20),
  after_id: z.string().optional(),
  before_id: z.string().optional(),
  lifecycle: z.array(z.enum(LIFECYCLES)).max(LIFECYCLES.length),
});

/** An error of the API, in its own words. */
export interface Rejection {
  type: ErrorType;
  message: string;
}

/** What of a model's capabilities is another at this provider; none unless given. */
export type Described = (model: Model) => Partial<ModelCapabilities>;

const AS_FIRST_PARTY: Described = () => ({});

interface ModelsPage {
  data: ModelInfo[];
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
}

/** One page, newest models first. An unknown cursor or a limit outside 1 to 1000 is an error. */
export function listModels(
  catalogue: Catalogue,
  search: URLSearchParams,
  nowMs: number,
  described = AS_FIRST_PARTY,
): Result<ModelsPage, Rejection> {
  const asked = search.getAll('lifecycle[]');
  const lifecycle = asked.length > 0 ? asked : ['active', 'deprecated'];
  const parsed = query.safeParse({ ...Object.fromEntries(search), lifecycle });
  if (!parsed.success) return err(invalid(parsed.error.issues[0]));
  const { limit, after_id: after, before_id: before, lifecycle: listed } = parsed.data;
  const infos = catalogue.models
    .map((model) => describeModel(model, nowMs, described))
    .filter((info) => listed.includes(info.lifecycle))
    .sort((a, b) => b.created_at.localeCompare(a.created_at) || a.id.localeCompare(b.id));
  const cursor = after ?? before;
  const at = infos.findIndex((info) => info.id === cursor);
  if (cursor !== undefined && at === -1) {
    return err({ type: 'invalid_request_error', message: `no model has the id ${cursor}` });
  }
  const rest = after ? infos.slice(at + 1) : infos.slice(0, before ? at : undefined);
  const data = before && !after ? rest.slice(-limit) : rest.slice(0, limit);
  const [first_id, last_id] = [data[0]?.id ?? null, data.at(-1)?.id ?? null];
  return ok({ data, has_more: rest.length > data.length, first_id, last_id });
}

/** One model by id or alias. */
export function getModel(
  catalogue: Catalogue,
  id: string,
  nowMs: number,
  described = AS_FIRST_PARTY,
): Result<ModelInfo, Rejection> {
  const found = readModel(catalogue, id, nowMs);
  return found.ok ? ok(describeModel(found.value, nowMs, described)) : found;
}

/** The model a request names; unknown and retired ones are refused in the same words. */
export function readModel(catalogue: Catalogue, name: string, nowMs: number): Result<Model, Rejection> {
  const model = findModel(catalogue, name);
  if (model && !isRetired(model, nowMs)) return ok(model);
  return err({ type: 'not_found_error', message: `model: ${name}` });
}

function lifecycleAt(model: Model, nowMs: number): ModelInfo['lifecycle'] {
  if (isRetired(model, nowMs)) return 'retired';
  return model.retiresAtMs === null ? 'active' : 'deprecated';
}

function describeModel(model: Model, nowMs: number, described: Described): ModelInfo {
  return {
    type: 'model',
    id: model.id,
    display_name: displayName(model.id),
    // The catalogue knows a release by its first price; the API allows the epoch for an unknown date.
    created_at: new Date(model.periods[0]?.fromMs ?? 0).toISOString(),
    line: LINES.find((line) => line === model.line) ?? null,
    lifecycle: lifecycleAt(model, nowMs),
    deprecated_at: null,
    retires_at: model.retiresAtMs === null ? null : new Date(model.retiresAtMs).toISOString(),
    max_input_tokens: model.contextWindow,
    max_tokens: model.maxOutput,
    capabilities: { ...describeCapabilities(model.capabilities), ...described(model) },
  };
}

/** "claude-opus-5-5" is "Claude Opus 5.5"; a snapshot's date is left out. */
function displayName(id: string): string {
  const words = id
    .replace(/-\d{8}$/, '')
    .replace(/(\d)-(\d)/g, '$1.$2')
    .split('-');
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(' ');
}

function invalid(issue: z.core.$ZodIssue | undefined): Rejection {
  return { type: 'invalid_request_error', message: `${issue?.path.join('.')}: ${issue?.message}` };
}
