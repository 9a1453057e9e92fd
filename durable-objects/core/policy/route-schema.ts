/** The shape of one route in a policy document, and what it reads into. */
import { z } from 'zod';
import { TURN_KINDS } from '../turn.ts';
import { parseLimit } from './limit.ts';
import type { RouteConditions } from './types.ts';

const MAX_TOKENS = 10_000_000;
const MAX_TAGS = 20;

const tokens = z
  .number({ error: 'expected a whole number of tokens' })
  .int('expected a whole number of tokens')
  .min(1, 'expected at least 1 token')
  .max(MAX_TOKENS, `expected at most ${MAX_TOKENS} tokens`);

const amount = z.string().transform((text, context) => {
  const parsed = parseLimit(text);
  if (parsed.ok) return parsed.value;
  context.addIssue({ code: 'custom', message: parsed.error });
  return z.NEVER;
});

/** "09:30" as minutes after midnight. */
const timeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time of day such as "09:00", from "00:00" to "23:59"')
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

const hours = z
  .strictObject({ from: timeOfDay, to: timeOfDay })
  .refine(({ from, to }) => from !== to, { message: 'expected two different times of day' })
  .transform(({ from, to }) => ({ fromMinute: from, toMinute: to }));

const tags = z
  .record(z.string().min(1).max(64), z.string().max(256))
  .refine((record) => Object.keys(record).length > 0, 'expected at least one tag')
  .refine((record) => Object.keys(record).length <= MAX_TAGS, `expected at most ${MAX_TAGS} tags`);

const conditions = z
  .strictObject({
    budget: z.string().optional(),
    remaining_usd_below: amount.optional(),
    input_tokens_below: tokens.optional(),
    new_input_tokens_below: tokens.optional(),
    kinds: z.array(z.enum(TURN_KINDS)).min(1, 'expected at least one kind').optional(),
    lines: z.array(z.string()).min(1, 'expected at least one line').optional(),
    hours: hours.optional(),
    tags: tags.optional(),
  })
  .transform(
    (when): RouteConditions => ({
      budget: when.budget ?? null,
      remainingBelow: when.remaining_usd_below ?? null,
      inputTokensBelow: when.input_tokens_below ?? null,
      newInputTokensBelow: when.new_input_tokens_below ?? null,
      kinds: when.kinds ?? null,
      lines: when.lines ?? null,
      hours: when.hours ?? null,
      tags: when.tags ? new Map(Object.entries(when.tags)) : null,
    }),
  );

/** A route: what a turn has to be like, and the model it then goes to. */
export const route = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,63}$/, 'expected 1 to 63 of a-z, 0-9 and "-"'),
  when: conditions,
  use: z.string(),
});
