/** What a version that waits would refuse and the live one would not: told among its warnings before it goes live. */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import { tighterLimits, tighterPauses } from '../../durable-objects/core/policy/tighter.ts';
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import type { Database } from '../store/database.ts';
import type { PolicyFacts } from '../store/policy-versions.ts';
import { livePolicy } from './live-policy.ts';

const WAITING_STATES: readonly string[] = ['draft', 'submitted', 'approved', 'scheduled'];

/** Rejects where D1 is away. A document that no longer parses has worse problems, and none of these. */
export async function tighterThanLive(
  database: Database,
  { owner, row }: PolicyFacts,
): Promise<PolicyProblem[]> {
  if (!WAITING_STATES.includes(row.state)) return [];
  const { timezone } = owner;
  const context = { timezone, catalogue: builtinCatalogue, nowMs: Date.now(), enforce: 'stored' as const };
  const parsed = parsePolicy(row.document, context);
  const base = await livePolicy(database, owner, null);
  if (!base || !parsed.ok) return [];
  const { policy } = parsed.value;
  return [...tighterPauses(policy, base), ...tighterLimits(policy, base)];
}
