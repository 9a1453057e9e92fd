/**
 * Which providers can take a turn, and in which order they are asked: the one that has the session's prompt cache first,
 * else by weight. New sessions are spread by a hash, so that every isolate sends a session the same way.
 */
import { hash32 } from '../../durable-objects/core/hash32.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { Provider } from '../providers/provider.ts';
import { restOf } from './breaker.ts';

const WHOLE = 2 ** 32;

export interface Wanted {
  costCenter: string;
  /** By its first-party name. */
  model: string;
  /** Null: of a call that is no turn, and lacks nothing. */
  facts: TurnFacts | null;
  /** Ids of the providers the turn may go to; null: all. */
  allowed: readonly string[] | null;
  /** The id of the one that has the session's prompt cache; null: none is known. */
  last: string | null;
}

/** What stands in the way where no provider can take a turn. */
export interface Nobody {
  /** None has the model, none of those that have it may be used, or none of those can do what the turn needs. */
  why: 'model' | 'not_allowed' | 'lacks';
  /** What the turn needs, where that is why. */
  lacks: readonly string[];
}

/**
 * Those that can take the turn, the first to be asked first. One that asked to be left alone is last resort: it is there
 * only where all others are gone.
 */
export function providersFor(
  wanted: Wanted,
  providers: readonly Provider[],
  nowMs: number,
): Provider[] | Nobody {
  const { costCenter, model, facts, allowed, last } = wanted;
  const serving = providersOf(providers, costCenter).filter((each) => each.serves(model));
  if (serving.length === 0) return { why: 'model', lacks: [] };
  const usable = serving.filter(({ id }) => allowed === null || allowed.includes(id));
  if (usable.length === 0) return { why: 'not_allowed', lacks: [] };
  // By the model it is to be served by, which after a step down is another than the one asked for.
  const lacks = usable.map((each) => facts && each.lacks({ ...facts, model }));
  const able = usable.filter((_, index) => lacks[index] === null);
  if (able.length === 0) return { why: 'lacks', lacks: lacks.filter((each) => each !== null) };
  if (able.length === 1) return able;
  const session = facts?.session ?? costCenter;
  const ranked = able
    .map((provider) => ({ provider, rank: rankOf(provider, session, last) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ provider }) => provider);
  return awakeFirst(ranked, model, nowMs);
}

/** A cost center with providers of a kind to itself uses no others of that kind; nobody else uses those. */
export function providersOf(providers: readonly Provider[], costCenter: string): Provider[] {
  const own = providers.filter(({ costCenters }) => costCenters?.includes(costCenter));
  const kinds = new Set(own.map(({ name }) => name));
  return providers.filter(
    (each) => own.includes(each) || (each.costCenters === null && !kinds.has(each.name)),
  );
}

/** Weighted rendezvous hashing: of many sessions each provider ranks first for its weight's share. */
function rankOf({ id, weight }: Provider, session: string, last: string | null): number {
  if (id === last) return -1;
  if (weight === 0) return Number.MAX_VALUE;
  const share = (hash32(`${id} ${session}`, 0) + 0.5) / WHOLE;
  return -Math.log(share) / weight;
}

function awakeFirst(ranked: readonly Provider[], model: string, nowMs: number): Provider[] {
  const rested = ranked.map((provider) => ({ provider, rest: restOf(provider, model, nowMs) }));
  const awake = rested.filter(({ rest }) => rest === null);
  const soonest = rested
    .filter(({ rest }) => rest !== null)
    .sort((a, b) => (a.rest?.untilMs ?? 0) - (b.rest?.untilMs ?? 0));
  const broken = soonest.filter(({ rest }) => rest?.why === 'broken');
  const order = [...awake, ...broken];
  return (order.length > 0 ? order : soonest.slice(0, 1)).map(({ provider }) => provider);
}
