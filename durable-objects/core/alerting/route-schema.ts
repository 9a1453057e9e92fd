/**
 * The shape of a document of alert routes: which fields it has and what each may hold by itself. Unknown fields are
 * errors. What goes together (secrets that are kept, addresses, a fallback of its own) is for the rules beside this.
 */
import { z } from 'zod';
import { jsonPath } from '../policy/path.ts';
import type { PolicyProblem } from '../policy/types.ts';
import { isTimezone } from '../window.ts';
import { destinationSchema } from './destination-schema.ts';
import { ROUTED_EVENTS, SEVERITIES } from './routes.ts';

const MAX_ROUTES = 50;
const MAX_DESTINATIONS = 20;

function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, { error: `expected one of ${words.map((word) => `"${word}"`).join(', ')}` });
}

const timeOfDay = z
  .string('expected a time of day such as "22:00"')
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time of day such as "22:00", from "00:00" to "23:59"');

const quietHours = z
  .strictObject({
    from: timeOfDay,
    to: timeOfDay,
    timezone: z
      .string('expected the name of an IANA time zone such as "Europe/Berlin"')
      .refine(isTimezone, 'expected the name of an IANA time zone such as "Europe/Berlin"'),
  })
  .refine(({ from, to }) => from !== to, {
    path: ['to'],
    message: 'expected another time than "from": quiet hours have to end',
  });

const on = z
  .array(oneOf(ROUTED_EVENTS))
  .min(1, 'expected at least one event')
  .refine((events) => new Set(events).size === events.length, 'expected every event once');

const route = z.strictObject({
  on,
  severity: oneOf(SEVERITIES),
  to: z
    .array(destinationSchema)
    .min(1, 'expected at least one destination')
    .max(MAX_DESTINATIONS, `expected at most ${MAX_DESTINATIONS} destinations`),
  quiet_hours: quietHours.nullable().optional(),
});

export const routesSchema = z.strictObject({
  routes: z.array(route).max(MAX_ROUTES, `expected at most ${MAX_ROUTES} routes`),
  fallback: z
    .array(destinationSchema)
    .max(MAX_DESTINATIONS, `expected at most ${MAX_DESTINATIONS} destinations`)
    .optional(),
});

/** A document of the right shape. */
export type RoutesForm = z.output<typeof routesSchema>;

function problemsOf(issue: z.core.$ZodIssue): PolicyProblem[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: jsonPath(issue.path), message: issue.message }];
  return issue.keys.map((key) => ({
    path: jsonPath([...issue.path, key]),
    message: `unknown field "${key}"`,
  }));
}

/** Everything wrong with the document's shape; empty where it fits `routesSchema`. */
export function shapeProblems(document: unknown): PolicyProblem[] {
  const parsed = routesSchema.safeParse(document);
  return parsed.success ? [] : parsed.error.issues.flatMap(problemsOf);
}
