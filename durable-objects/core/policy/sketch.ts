/**
 * A document as far as it can be read: what has the wrong shape is null. The rules run on this, so that one
 * misspelt field does not hide what else is wrong with the document.
 */
import { z } from 'zod';
import { parseFraction } from './fraction.ts';
import { parseLimit } from './limit.ts';
import { STAGE_ACTIONS } from './types.ts';

const text = z.string().nullable().catch(null);
const texts = z.array(text).nullish().catch(null);
/** Whether a field is there at all, whatever it holds. */
const presence = z
  .unknown()
  .transform((value) => value !== undefined)
  .optional();

const stage = z.object({
  at: z
    .string()
    .transform((each) => ({ written: each, millionths: parseFraction(each) }))
    .nullable()
    .catch(null),
  do: z.enum(STAGE_ACTIONS).nullable().catch(null),
});

const stages = z.array(stage.nullable().catch(null)).nullish().catch(null);

const budget = z.object({
  id: text,
  scope: text,
  line: text.optional(),
  window: text,
  limit_usd: z
    .string()
    .transform((each) => {
      const limit = parseLimit(each);
      return limit.ok ? limit.value : null;
    })
    .nullable()
    .catch(null),
  overrides: presence,
  admission: text.optional(),
  clamp_max_tokens: z.boolean().nullish().catch(null),
  stages,
});

const route = z.object({
  id: text,
  when: z
    .object({ budget: text.optional(), remaining_usd_below: presence, lines: texts })
    .nullable()
    .catch(null),
  use: text,
});

const rateLimit = z.object({
  id: text.optional(),
  scope: text,
  requests_per_minute: presence,
  tokens_per_minute: presence,
  concurrent_turns: presence,
  overrides: presence,
});

const sketchSchema = z
  .object({
    budgets: z.array(budget.nullable().catch(null)).catch([]),
    stages,
    cascade: texts,
    routes: z.array(route.nullable().catch(null)).nullish().catch(null),
    allowed_models: texts,
    limits: z.array(rateLimit.nullable().catch(null)).nullish().catch(null),
    admission: text.optional(),
    clamp_max_tokens: z.boolean().nullish().catch(null),
  })
  .catch({ budgets: [] });

export type Sketch = z.output<typeof sketchSchema>;
export type BudgetSketch = z.output<typeof budget>;
export type RouteSketch = z.output<typeof route>;
export type RateLimitSketch = z.output<typeof rateLimit>;
export type StagesSketch = NonNullable<Sketch['stages']>;

export function sketchOf(document: unknown): Sketch {
  return sketchSchema.parse(document);
}
