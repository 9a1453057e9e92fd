/** What of a turn Bedrock cannot do, so that another provider has to take it. */
import { findModel } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import type { TurnFacts } from '../../../durable-objects/core/turn.ts';
import type { Accepted } from './accepted.ts';

/**
 * Features that a turn rests on and neither endpoint has, by the name they have among the turn's facts. Not among them:
 * `fallbacks`, which only say what is to happen after a refusal, and `document`, which Bedrock reads.
 */
const NOWHERE: Readonly<Record<string, string>> = {
  server_tools: 'server tools',
  mcp_servers: 'MCP servers',
  container: 'containers',
  url_input: 'sources by URL or file id',
};

/** In a word or two; null: it can take the turn. */
export function lackedOf(
  facts: Pick<TurnFacts, 'model' | 'unbounded' | 'modifiers' | 'needs'>,
  { structuredOutputs, toolChangesBeta }: Accepted,
): string | null {
  const missing = facts.unbounded.flatMap((name) => NOWHERE[name] ?? [])[0];
  if (missing !== undefined) return missing;
  // Where Bedrock computes is its region's and profile's to say.
  if (facts.modifiers.inferenceGeo !== null) return 'inference_geo';
  const needs = facts.needs ?? [];
  if (needs.includes('structured_output') && !(structuredOutputs && hasStructuredOutputs(facts.model))) {
    return 'structured outputs';
  }
  // The form it had as a beta.
  if (needs.includes('output_format')) return 'output_format';
  if (needs.includes('tool_changes') && toolChangesBeta === null)
    return 'tools that change in mid-conversation';
  return null;
}

/** Whether the model, by any of its names, has structured outputs on InvokeModel. */
export function hasStructuredOutputs(model: string): boolean {
  return findModel(builtinCatalogue, model)?.bedrock?.structuredOutputs ?? false;
}
