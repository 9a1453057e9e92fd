/** What is known of models when a policy is stored, put live or shown: the catalogue, with what the API says now. */
import { withLifecycles } from '../../durable-objects/core/catalogue/lifecycles.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { DEFAULT_CASCADE } from '../../durable-objects/core/policy/defaults.ts';
import {
  isRetirementPath,
  type KnownModels,
  retirementWarnings,
} from '../../durable-objects/core/policy/retirement.ts';
import { sketchOf } from '../../durable-objects/core/policy/sketch.ts';
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import type { Database } from '../store/database.ts';
import { readModelLifecycles } from '../store/model-lifecycles.ts';

/** At `nowMs` (epoch ms), by what the last refresh left in D1. Rejects where D1 is away. */
export async function knownModels(database: Database, nowMs: number): Promise<KnownModels> {
  const lifecycles = await readModelLifecycles(database);
  return { catalogue: withLifecycles(builtinCatalogue, lifecycles, nowMs), lifecycles, nowMs };
}

/**
 * A version's warnings as of now: those stored with it, but for what they said of its models' end, which is said
 * anew. A document that no longer parses is read as far as it can be.
 */
export function currentWarnings(
  version: { document: unknown; warnings: readonly PolicyProblem[] },
  known: KnownModels,
): PolicyProblem[] {
  const { cascade, routes } = sketchOf(version.document);
  const naming = { cascade: cascade ?? DEFAULT_CASCADE, routes: routes ?? [] };
  return [
    ...version.warnings.filter(({ path }) => !isRetirementPath(path)),
    ...retirementWarnings(naming, known),
  ];
}
