/** What a turn is charged for an outcome: exact where the upstream said so, else the best figure known. */
import { priceUsage } from '../core/catalogue/price.ts';
import type { Catalogue } from '../core/catalogue/types.ts';
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

function charged(
  opened: OpenedTurn,
  usage: Usage,
  estimatedWhy: string | null,
  catalogue: Catalogue,
): Booking {
  const sentModel = opened.model ?? opened.request.facts.model;
  const priced = priceUsage({ usage, sentModel, atMs: opened.admittedAtMs, catalogue });
  return {
    ...emptyBooking('failure', catalogue.version),
    kind: 'charge',
    nanoUsd: priced.nanoUsd,
    tokens: billedTokens(usage),
    webSearchRequests: usage.webSearchRequests,
    serviceTier: usage.serviceTier,
    speed: usage.speed,
    inferenceGeo: usage.inferenceGeo,
    modelUnknown: priced.modelUnknown,
    estimatedWhy,
  };
}

/** The booking of an outcome, as if nothing had been charged for the turn before. */
export function bookingOf(opened: OpenedTurn, outcome: Outcome, catalogue: Catalogue): Booking {
  switch (outcome.kind) {
    case 'completed':
      return charged(opened, outcome.usage, null, catalogue);
    case 'broken_off':
      return charged(opened, brokenOffUsage(opened, outcome.progress), outcome.why, catalogue);
    case 'failed':
      return emptyBooking('failure', catalogue.version);
    case 'refused_unbilled': {
      const booking = outcome.usage ? charged(opened, outcome.usage, null, catalogue) : null;
      return { ...(booking ?? emptyBooking('failure', catalogue.version)), kind: 'charge', nanoUsd: 0 };
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
  catalogue: Catalogue,
): Booking {
  const usage = progress
    ? brokenOffUsage(opened, progress)
    : estimatedUsage(opened, opened.hold.tokens.outputTokens);
  return charged(opened, usage, why, catalogue);
}

/** What is still to be booked after `before` was charged: the difference, which may be negative. */
export function correctionOf(booking: Booking, before: Charge): Booking {
  return {
    ...booking,
    kind: 'correction',
    corrects: before.entryId,
    nanoUsd: booking.nanoUsd - before.nanoUsd,
    tokens: subtractTokens(booking.tokens, before.tokens),
    webSearchRequests: booking.webSearchRequests - before.webSearchRequests,
  };
}
