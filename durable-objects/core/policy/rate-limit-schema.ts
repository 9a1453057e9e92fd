/** The shape of one limit besides money in a policy document, and what it reads into. */
import { z } from 'zod';
import { overridesOf } from './overrides-schema.ts';
import { LIMIT_SCOPES, type RateFigures, type RateLimit } from './types.ts';

const MAX_REQUESTS = 1_000_000;
const MAX_TOKENS = 10_000_000_000;
const MAX_TURNS = 100_000;

function whole(most: number) {
  const error = `expected a whole number from 1 to ${most}`;
  return z.int(error).min(1, error).max(most, error);
}

const fields = {
  requests_per_minute: whole(MAX_REQUESTS).optional(),
  tokens_per_minute: whole(MAX_TOKENS).optional(),
  concurrent_turns: whole(MAX_TURNS).optional(),
};

const figures = z.strictObject(fields);
type Figures = z.output<typeof figures>;

/** The id of a limit that names none. */
export const USUAL_IDS = { cost_center: 'cost-center', developer: 'developer', key: 'key' } as const;

/** A limit: whom it is for, and at least one figure. */
export const rateLimit = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9-]{1,63}$/, 'expected 1 to 63 of a-z, 0-9 and "-"')
      .optional(),
    scope: z.enum(LIMIT_SCOPES, {
      error: `expected one of ${LIMIT_SCOPES.map((scope) => `"${scope}"`).join(', ')}`,
    }),
    ...fields,
    overrides: overridesOf(figures).optional(),
  })
  .transform(({ id, scope, overrides = {}, ...given }): RateLimit => {
    const usual = figuresOf(given, NO_FIGURES);
    const own = Object.entries(overrides).map(([name, each]) => [name, figuresOf(each, usual)] as const);
    return { id: id ?? USUAL_IDS[scope], scope, ...usual, overrides: new Map(own) };
  });

const NO_FIGURES: RateFigures = { requestsPerMinute: null, tokensPerMinute: null, concurrentTurns: null };

/** The figures given, and `usual` for those that are not. */
function figuresOf(given: Figures, usual: RateFigures): RateFigures {
  return {
    requestsPerMinute: given.requests_per_minute ?? usual.requestsPerMinute,
    tokensPerMinute: given.tokens_per_minute ?? usual.tokensPerMinute,
    concurrentTurns: given.concurrent_turns ?? usual.concurrentTurns,
  };
}
