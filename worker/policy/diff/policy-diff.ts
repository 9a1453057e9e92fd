/** A policy version held against another one, or against nothing. */
import type { Operation } from 'rfc6902';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../../durable-objects/core/policy/parse.ts';
import type { Policy } from '../../../durable-objects/core/policy/types.ts';
import { err, ok, type Result } from '../../../durable-objects/core/result.ts';
import { patchOf } from './patch.ts';
import { wordsOf } from './words.ts';

/** A stored version, as far as a difference needs it. */
export interface Compared {
  version: number;
  document: unknown;
}

export interface PolicyDiff {
  version: number;
  /** Null: there is no live version to hold it against. */
  against: number | null;
  /** Applied to the document of `against` (or to `{}`) it makes the version's document. */
  patch: Operation[];
  /** Never empty: where nothing changes, they say so. */
  words: string[];
}

function policyOf({ document }: Compared, timezone: string): Policy | null {
  const context = { timezone, catalogue: builtinCatalogue, nowMs: Date.now(), enforce: 'stored' as const };
  const parsed = parsePolicy(document, context);
  return parsed.ok ? parsed.value.policy : null;
}

/** The difference in a cost center of this time zone; the error is the number of a version that can't be read. */
export function diffOf(
  version: Compared,
  against: Compared | null,
  timezone: string,
): Result<PolicyDiff, number> {
  const policy = policyOf(version, timezone);
  if (!policy) return err(version.version);
  const base: Policy = {
    timezone: policy.timezone,
    budgets: [],
    cascade: policy.cascade,
    routes: [],
    allowedModels: null,
    limits: [],
    allowedProviders: null,
    whenExhausted: 'fail',
  };
  const former = against ? policyOf(against, timezone) : base;
  if (!former) return err(against?.version ?? version.version);
  const patch = patchOf(against?.document ?? {}, version.document);
  const words = wordsOf(former, policy);
  return ok({
    version: version.version,
    against: against?.version ?? null,
    patch,
    words: [
      ...prefaceOf(version, against, { isSameDocument: patch.length === 0, isSame: words.length === 0 }),
      ...words,
    ],
  });
}

function prefaceOf(
  { version }: Compared,
  against: Compared | null,
  { isSameDocument, isSame }: { isSameDocument: boolean; isSame: boolean },
): string[] {
  if (!against) return ['there is no live policy: everything is new'];
  if (against.version === version) return [`version ${version} is held against itself: nothing changes`];
  if (isSameDocument) return [`version ${version} is the same document as version ${against.version}`];
  if (isSame)
    return [`version ${version} is written otherwise and means the same as version ${against.version}`];
  return [];
}
