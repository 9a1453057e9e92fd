/**
 * The worlds a replay keeps side by side: one as it was, where each turn is judged by the policy version it was
 * judged by then, and three a draft, where all limits are the draft's own, a tenth lower, or a tenth higher.
 */
import { MAX_LIMIT_NANO_USD, type NanoUsd, nanoUsd } from '../money.ts';
import type { Budget, Policy, Scope, WindowKind } from '../policy/types.ts';
import type { ReplaySetup, Sensitivity } from './types.ts';

export type Limits = Sensitivity['limits'];

/** Lower limits first. */
export const LIMITS: readonly Limits[] = ['0.9', '1.0', '1.1'];

export interface World {
  index: number;
  /** Place of its draft in the setup; null: the world as it was. */
  draft: number | null;
  limits: Limits;
}

/** Whose money, on which line and in which windows: budgets that agree in this are counted together. */
export interface Counter {
  index: number;
  scope: Scope;
  line: string | null;
  window: WindowKind;
  timezone: string;
  /** Worlds with a budget that is counted so. */
  worlds: number[];
}

/** A policy with the counters of its budgets, in their order. */
export interface CountedPolicy {
  policy: Policy;
  counters: readonly Counter[];
}

/** The policy with all limits a tenth lower or higher, to the nano-USD below; raises and routes are as they are. */
export function withLimits(policy: Policy, limits: Limits): Policy {
  if (limits === '1.0') return policy;
  const moved = (limit: NanoUsd): NanoUsd => {
    const tenth = Math.floor(limit / 10);
    return nanoUsd(limits === '0.9' ? limit - tenth : Math.min(limit + tenth, MAX_LIMIT_NANO_USD));
  };
  const budgets = policy.budgets.map((budget) => ({
    ...budget,
    limitNanoUsd: moved(budget.limitNanoUsd),
    overrides: new Map([...budget.overrides].map(([developer, limit]) => [developer, moved(limit)])),
  }));
  return { ...policy, budgets };
}

export class Worlds {
  readonly all: readonly World[];
  readonly asItWas: World;
  /** One a draft, the one with the draft's own limits. */
  readonly drafts: readonly World[];
  readonly counters: readonly Counter[];
  readonly #counters = new Map<string, Counter>();
  readonly #recorded: ReadonlyMap<number, CountedPolicy>;
  readonly #policies: readonly (CountedPolicy | null)[];

  constructor({ drafts, recorded }: Pick<ReplaySetup, 'drafts' | 'recorded'>) {
    this.asItWas = { index: 0, draft: null, limits: '1.0' };
    const ofDrafts = drafts.flatMap((_, draft) =>
      LIMITS.map((limits, place) => ({ index: 1 + draft * LIMITS.length + place, draft, limits })),
    );
    this.all = [this.asItWas, ...ofDrafts];
    this.drafts = ofDrafts.filter(({ limits }) => limits === '1.0');
    const versions = [...recorded].sort(([a], [b]) => a - b);
    this.#recorded = new Map(versions.map(([version, policy]) => [version, this.#count(policy, 0)]));
    this.#policies = this.all.map(({ draft, limits, index }) => {
      const policy = draft === null ? undefined : drafts[draft]?.policy;
      return policy ? this.#count(withLimits(policy, limits), index) : null;
    });
    this.counters = [...this.#counters.values()];
  }

  /**
   * The policy that a turn recorded under `version` is judged by in a world; null: none, spending without limit.
   * Throws a RangeError where the setup lacks the version.
   */
  policyOf({ index }: World, version: number | null): CountedPolicy | null {
    if (index !== 0) return this.#policies[index] ?? null;
    if (version === null) return null;
    const found = this.#recorded.get(version);
    if (!found) throw new RangeError(`an entry names policy version ${version}, which was not given`);
    return found;
  }

  #count(policy: Policy, world: number): CountedPolicy {
    return { policy, counters: policy.budgets.map((budget) => this.#counterOf(policy, budget, world)) };
  }

  #counterOf({ timezone: zone }: Policy, { scope, line, window }: Budget, world: number): Counter {
    // A session is counted as long as it lasts, wherever it is.
    const timezone = window === 'session' ? '' : zone;
    const name = JSON.stringify([scope, line, window, timezone]);
    const index = this.#counters.size;
    const known = this.#counters.get(name) ?? { index, scope, line, window, timezone, worlds: [] };
    if (!known.worlds.includes(world)) known.worlds.push(world);
    this.#counters.set(name, known);
    return known;
  }
}
