/**
 * What a turn is charged for an outcome: exact where the upstream said so, else the best figure known. The contracted
 * cost is what is charged; list cost and what the model asked for would have cost stand beside it. Each is rounded
 * once, and all come from the prices the turn was held with.
 */
import { isAsAsked, priceAsked } from '../core/catalogue/asked.ts';
import { chargedVersion, withOverrides } from '../core/catalogue/overrides.ts';
import { priceUsage } from '../core/catalogue/price.ts';
import type { Catalogue } from '../core/catalogue/types.ts';
import { LIST_MILLIONTHS } from '../core/provider-settings.ts';
import {
  addTokens,
  NO_TOKENS,
  promptTokens,
  subtractTokens,
  type TokenCounts,
  type Usage,
} from '../core/usage.ts';
import { type Booking, emptyBooking } from './entries.ts';
import type { Outcome, Progress } from './rpc.ts';
import type { Charge, OpenedTurn } from './turns.ts';

/** Usage put together from the estimate, for a turn whose upstream never reported any. */
function estimatedUsage(opened: OpenedTurn, outputTokens: number): Usage {
  const { modifiers } = opened.request.facts;
  return {
    model: null,
    tokens: { ...opened.hold.tokens, outputTokens },
    webSearchRequests: 0,
    speed: modifiers.speed,
    inferenceGeo: modifiers.inferenceGeo,
    serviceTier: null,
    iterations: null,
  };
}

/** The best figure for a turn that broke off: exact input where it was seen, the output as far as it streamed. */
function brokenOffUsage(opened: OpenedTurn, progress: Progress): Usage {
  const { usage, outputTokens } = progress;
  if (usage === null || promptTokens(usage.tokens) === 0) return estimatedUsage(opened, outputTokens);
  const tokens = { ...usage.tokens, outputTokens: Math.max(usage.tokens.outputTokens, outputTokens) };
  // Iterations are only reported whole at the end; what was seen of them counts as tokens of one request.
  return { ...usage, tokens, iterations: null };
}

/** All tokens billed: iterations hold what the top-level figures leave out. */
function billedTokens(usage: Usage): TokenCounts {
  const { iterations } = usage;
  if (!iterations || iterations.length === 0) return usage.tokens;
  return iterations.reduce((sum, { tokens }) => addTokens(sum, tokens), NO_TOKENS);
}

/** What an outcome is priced with. */
export interface Prices {
  catalogue: Catalogue;
  /** What the provider that was asked takes; null: unknown, and so the dearest it may have been. */
  providerMillionths: number | null;
}

function charged(opened: OpenedTurn, usage: Usage, estimatedWhy: string | null, prices: Prices): Booking {
  const { admittedAtMs, prior, request } = opened;
  const { catalogue } = prices;
  const { facts } = request;
  const sentModel = opened.model ?? facts.model;
  const providerMillionths =
    prices.providerMillionths ?? facts.modifiers.providerMillionths ?? LIST_MILLIONTHS;
  const turn = { usage, sentModel, providerMillionths, atMs: admittedAtMs };
  const priced = priceUsage({ ...turn, catalogue });
  const list = priceUsage({ ...turn, catalogue: withOverrides(catalogue, []) });
  return {
    ...emptyBooking('failure', catalogue.version),
    kind: 'charge',
    nanoUsd: priced.nanoUsd,
    listNanoUsd: list.nanoUsd,
    askedNanoUsd: isAsAsked(catalogue, facts.model, sentModel)
      ? priced.nanoUsd
      : priceAsked({ facts, sentModel, usage, prior, providerMillionths, admittedAtMs, catalogue }),
    chargedPriceVersion: chargedVersion(catalogue.version, priced.overrides),
    tokens: billedTokens(usage),
    webSearchRequests: usage.webSearchRequests,
    serviceTier: usage.serviceTier,
    speed: usage.speed,
    inferenceGeo: usage.inferenceGeo,
    priceMillionths: providerMillionths,
    modelUnknown: priced.modelUnknown,
    estimatedWhy,
  };
}

/** The booking of an outcome, as if nothing had been charged for the turn before. */
export function bookingOf(opened: OpenedTurn, outcome: Outcome, prices: Prices): Booking {
  switch (outcome.kind) {
    case 'completed':
      return charged(opened, outcome.usage, null, prices);
    case 'broken_off':
      return charged(opened, brokenOffUsage(opened, outcome.progress), outcome.why, prices);
    case 'failed':
      return emptyBooking('failure', prices.catalogue.version);
    case 'refused_unbilled': {
      const booking = outcome.usage ? charged(opened, outcome.usage, null, prices) : null;
      const free = { kind: 'charge', nanoUsd: 0, listNanoUsd: 0, askedNanoUsd: 0 } as const;
      return { ...(booking ?? emptyBooking('failure', prices.catalogue.version)), ...free };
    }
  }
}

/**
 * The booking of a turn nobody reports on any more. What was seen last is charged; where nothing was ever seen,
 * all that was expected of it: never free.
 */
export function unreportedBooking(
  opened: OpenedTurn,
  progress: Progress | null,
  why: string,
  prices: Prices,
): Booking {
  const usage = progress
    ? brokenOffUsage(opened, progress)
    : estimatedUsage(opened, opened.hold.tokens.outputTokens);
  return charged(opened, usage, why, prices);
}

/** What is still to be booked after `before` was charged: the difference, which may be negative. */
export function correctionOf(booking: Booking, before: Charge): Booking {
  return {
    ...booking,
    kind: 'correction',
    corrects: before.entryId,
    nanoUsd: booking.nanoUsd - before.nanoUsd,
    listNanoUsd: booking.listNanoUsd - before.listNanoUsd,
    askedNanoUsd: before.askedNanoUsd === null ? null : (booking.askedNanoUsd ?? 0) - before.askedNanoUsd,
    // Taking back all of a charge is done at the prices it was made with.
    chargedPriceVersion:
      booking.kind === 'failure'
        ? (before.chargedPriceVersion ?? booking.chargedPriceVersion)
        : booking.chargedPriceVersion,
    tokens: subtractTokens(booking.tokens, before.tokens),
    webSearchRequests: booking.webSearchRequests - before.webSearchRequests,
  };
}
