/** What an answer used, in OpenAI's terms: there a prompt's tokens are all of it, what came from a cache included. */
import { isJsonObject, type JsonObject } from '../../json-edit.ts';

/** The `usage` of a Messages answer; any field may be absent. */
export type ReportedUsage = JsonObject;

export interface ChatUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number; cache_write_tokens: number };
  completion_tokens_details: { reasoning_tokens: number };
}

/** The usage after a `message_delta`, which repeats only some of the fields, each as the figure for all of it. */
export function laterUsage(earlier: ReportedUsage, delta: unknown): ReportedUsage {
  if (!isJsonObject(delta)) return earlier;
  return { ...earlier, ...Object.fromEntries(Object.entries(delta).filter(([, value]) => value !== null)) };
}

export function chatUsage(usage: ReportedUsage): ChatUsage {
  const read = countOf(usage.cache_read_input_tokens);
  const written = countOf(usage.cache_creation_input_tokens);
  const prompt = countOf(usage.input_tokens) + written + read;
  const completion = countOf(usage.output_tokens);
  const details = usage.output_tokens_details;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: read, cache_write_tokens: written },
    completion_tokens_details: {
      reasoning_tokens: isJsonObject(details) ? countOf(details.thinking_tokens) : 0,
    },
  };
}

function countOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
