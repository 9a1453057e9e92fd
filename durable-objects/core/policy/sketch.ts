/**
 * A document as far as it can be read: what has the wrong shape is null. The rules run on this, so that one
 * misspelt field does not hide what else is wrong with the document.
 */
import { z } from 'zod';
import { parseFraction } from './fraction.ts';
import { parseLimit } from './limit.ts';
import { STAGE_ACTIONS } from './types.ts';

const text = z.string().nullable().catch(null);

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
  limit_usd: z
    .string()
    .transform((each) => {
      const limit = parseLimit(each);
      return limit.ok ? limit.value : null;
    })
    .nullable()
    .catch(null),
  stages,
});

const sketchSchema = z
  .object({
    budgets: z.array(budget.nullable().catch(null)).catch([]),
    stages,
    cascade: z.array(text).nullish().catch(null),
    allowed_models: z.array(text).nullish().catch(null),
  })
  .catch({ budgets: [] });

export type Sketch = z.output<typeof sketchSchema>;
export type StagesSketch = NonNullable<Sketch['stages']>;

export function sketchOf(document: unknown): Sketch {
  return sketchSchema.parse(document);
}
