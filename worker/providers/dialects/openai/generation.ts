/** How a chat wants its answer written: how long, how it is drawn, where it stops. */
import type { Model } from '../../../../durable-objects/core/catalogue/types.ts';
import type { JsonObject } from '../../json-edit.ts';
import { isGiven, textAt, WrongField } from './field.ts';

/** The API asks for a limit where OpenAI's doesn't: enough not to cut a long answer, little enough to be held. */
const DEFAULT_MAX_TOKENS = 32_000;

export type LimitField = 'max_completion_tokens' | 'max_tokens';

/** The field that limits the answer; the newer one where both are given. */
export function limitField(body: JsonObject): LimitField {
  return !isGiven(body.max_completion_tokens) && isGiven(body.max_tokens)
    ? 'max_tokens'
    : 'max_completion_tokens';
}

export function readMaxTokens(body: JsonObject, model: Model | null): number {
  const field = limitField(body);
  const value = body[field];
  if (!isGiven(value)) return Math.min(DEFAULT_MAX_TOKENS, model?.maxOutput ?? DEFAULT_MAX_TOKENS);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw new WrongField(field, 'expected a whole number of tokens, at least 1');
  }
  return value;
}

/**
 * Temperature, capped at 1, and top_p. At 1, the default of both, nothing is sent; nor where the model takes none: its
 * own API would refuse what most clients send out of habit.
 */
export function readSampling(
  body: JsonObject,
  model: Model | null,
): { temperature?: number; top_p?: number } {
  const temperature = Math.min(1, numberAt(body.temperature, 'temperature', Number.MAX_VALUE));
  const topP = numberAt(body.top_p, 'top_p', 1);
  if (model && !model.capabilities.sampling) return {};
  return { ...(temperature === 1 ? {} : { temperature }), ...(topP === 1 ? {} : { top_p: topP }) };
}

/** From 0; 1 where it is not given. */
function numberAt(value: unknown, path: string, max: number): number {
  if (!isGiven(value)) return 1;
  if (typeof value === 'number' && value >= 0 && value <= max) return value;
  throw new WrongField(path, max === 1 ? 'expected a number from 0 to 1' : 'expected a number from 0');
}

/** Texts at which the answer ends; the API takes none that is blank. */
export function readStops({ stop }: JsonObject): string[] {
  if (!isGiven(stop)) return [];
  if (!Array.isArray(stop)) return [stopAt(stop, 'stop')];
  return stop.map((each, index) => stopAt(each, `stop[${index}]`));
}

function stopAt(value: unknown, path: string): string {
  const text = textAt(value, path);
  if (text.trim() === '') throw new WrongField(path, 'expected text that is not blank');
  return text;
}
