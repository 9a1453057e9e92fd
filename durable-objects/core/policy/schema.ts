/**
 * The shape of a policy document: which fields it has and what each may hold by itself. How they fit together
 * (order, repetition, the catalogue) is for the rules beside this file. Unknown fields are errors.
 */
import { z } from 'zod';
import { isTimezone } from '../window.ts';
import { parseFraction } from './fraction.ts';
import { parseLimit } from './limit.ts';
import { overridesOf } from './overrides-schema.ts';
import { jsonPath } from './path.ts';
import { rateLimit } from './rate-limit-schema.ts';
import { route } from './route-schema.ts';
import {
  type PolicyProblem,
  SCOPES,
  STAGE_ACTIONS,
  STEP_DOWNS,
  type Stage,
  WHEN_EXHAUSTED,
  WINDOWS,
} from './types.ts';

/** Fields the design has and this version of Bursar does not act on: refused, never silently ignored. */
const NOT_YET = new Set(['turn_types']);

export const MAX_BUDGETS = 100;
export const MAX_ROUTES = 100;
const MAX_PROVIDERS = 50;

const limitUsd = z.string().transform((text, context) => {
  const limit = parseLimit(text);
  if (limit.ok) return limit.value;
  context.addIssue({ code: 'custom', message: limit.error });
  return z.NEVER;
});

const fraction = z.string().transform((written, context) => {
  const millionths = parseFraction(written);
  if (millionths !== null) return { written, millionths };
  context.addIssue({
    code: 'custom',
    message: 'expected a decimal string above 0 and up to 10, of at most six decimals, such as "0.95"',
  });
  return z.NEVER;
});

const stage = z
  .strictObject({ at: fraction, do: z.enum(STAGE_ACTIONS), step_down: z.enum(STEP_DOWNS).optional() })
  .refine(({ do: action, step_down }) => step_down === undefined || action === 'downgrade', {
    path: ['step_down'],
    message: 'only a stage that does "downgrade" steps down',
  })
  .transform(
    ({ at, do: action, step_down }): Stage => ({
      at: at.written,
      atMillionths: at.millionths,
      do: action,
      stepDown: step_down ?? 'if_it_pays',
    }),
  );

function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, { error: `expected one of ${words.map((word) => `"${word}"`).join(', ')}` });
}

const admission = z.enum(['expected', 'guaranteed']);

const budget = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,63}$/, 'expected 1 to 63 of a-z, 0-9 and "-"'),
  scope: oneOf(SCOPES),
  line: z.string().optional(),
  window: oneOf(WINDOWS),
  limit_usd: limitUsd,
  overrides: overridesOf(limitUsd).optional(),
  stages: z.array(stage).optional(),
  admission: admission.optional(),
  clamp_max_tokens: z.boolean().optional(),
});

export const documentSchema = z.strictObject({
  timezone: z
    .string()
    .refine(isTimezone, 'expected the name of an IANA time zone such as "Europe/Berlin"')
    .optional(),
  budgets: z.array(budget).max(MAX_BUDGETS, `expected at most ${MAX_BUDGETS} budgets`),
  stages: z.array(stage).optional(),
  cascade: z.array(z.string()).optional(),
  routes: z.array(route).max(MAX_ROUTES, `expected at most ${MAX_ROUTES} routes`).optional(),
  admission: admission.optional(),
  clamp_max_tokens: z.boolean().optional(),
  allowed_models: z.array(z.string()).nullable().optional(),
  limits: z.array(rateLimit).optional(),
  allowed_providers: z
    .array(
      z.string().regex(/^[a-z0-9-]{1,63}$/, 'expected the id of a provider: 1 to 63 of a-z, 0-9 and "-"'),
    )
    .min(1, 'expected at least one provider, or null for every one')
    .max(MAX_PROVIDERS, `expected at most ${MAX_PROVIDERS} providers`)
    .nullable()
    .optional(),
  when_exhausted: oneOf(WHEN_EXHAUSTED).optional(),
});

/** A document of the right shape, amounts and fractions read. */
export type PolicyDocument = z.output<typeof documentSchema>;

function problemsOf(issue: z.core.$ZodIssue): PolicyProblem[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: jsonPath(issue.path), message: issue.message }];
  return issue.keys.map((key) => ({
    path: jsonPath([...issue.path, key]),
    message: NOT_YET.has(key) ? `"${key}" is not supported yet` : `unknown field "${key}"`,
  }));
}

/** Everything wrong with the document's shape; empty where it fits `documentSchema`. */
export function shapeProblems(document: unknown): PolicyProblem[] {
  const parsed = documentSchema.safeParse(document);
  return parsed.success ? [] : parsed.error.issues.flatMap(problemsOf);
}
