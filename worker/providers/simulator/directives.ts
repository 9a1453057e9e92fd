/**
 * What a simulated upstream can be told to do, in the request header `x-bursar-simulate`: directives
 * `name=value`, separated by commas or semicolons, each at most once ("stall=text; pace=0").
 *
 *   fail=529              answer this status (400 to 599) in the API's error envelope, on any path
 *   delay=1500            wait so many ms before the head, in place of the pace's own first-byte time, on any path
 *   stall=head            never answer, on any path
 *   stall=start           fall silent for good after message_start; not streamed: in the middle of the body
 *   stall=text            fall silent in the middle of the content; not streamed: in the middle of the body
 *   cut=head|start|text   the same places, but the connection breaks
 *   error=start|text      `event: error` (overloaded_error) there, then the end; not streamed: a 529
 *   refuse=1              stop_reason "refusal" before any output, with usage as the API reports it
 *   thinking_silence=2000 begin with a thinking block that shows nothing for so many ms
 *   output_tokens=5000    report this output, whatever the text's length
 *   input_tokens=120000   report this uncached input and no cache reads or writes
 *   pace=0                multiply the believable waiting times (0 to 10); 0 answers at once.
 *                         `delay` and `thinking_silence` are not multiplied
 *
 * `x-bursar-simulate-seed` is any text; with the body it determines text, ids and pace. A directive that is
 * unknown, malformed or repeated is an error that names it.
 */
import { z } from 'zod';
import { err, ok, type Result } from '../../../durable-objects/core/result.ts';

export const DIRECTIVES_HEADER = 'x-bursar-simulate';
export const SEED_HEADER = 'x-bursar-simulate-seed';

const MAX_MS = 600_000;
const MAX_TOKENS = 1_000_000_000;

const digits = z.string().regex(/^\d{1,10}$/, 'expected a whole number');

function wholeNumber(min: number, max: number) {
  return digits.transform(Number).pipe(z.number().min(min).max(max)).optional();
}

const place = z.enum(['head', 'start', 'text']);

const schema = z.strictObject({
  fail: wholeNumber(400, 599),
  delay: wholeNumber(0, MAX_MS),
  stall: place.optional(),
  cut: place.optional(),
  error: place.exclude(['head']).optional(),
  refuse: z.literal('1').optional(),
  thinking_silence: wholeNumber(0, MAX_MS),
  output_tokens: wholeNumber(0, MAX_TOKENS),
  input_tokens: wholeNumber(0, MAX_TOKENS),
  pace: z
    .string()
    .regex(/^\d{1,2}(\.\d{1,3})?$/, 'expected a decimal number')
    .transform(Number)
    .pipe(z.number().max(10))
    .default(1),
});

export type Directives = z.infer<typeof schema>;

/** Reads the header's value, null where it is absent; the error is a sentence that names what is wrong. */
export function readDirectives(header: string | null): Result<Directives, string> {
  const told = new Map<string, string>();
  for (const part of (header ?? '').split(/[;,]/).map((each) => each.trim())) {
    if (part === '') continue;
    const [name = '', value, ...rest] = part.split('=').map((each) => each.trim());
    if (value === undefined || rest.length > 0) return wrong(`${part}: expected name=value`);
    if (told.has(name)) return wrong(`${name}: given more than once`);
    told.set(name, value);
  }
  const parsed = schema.safeParse(Object.fromEntries(told));
  if (parsed.success) return ok(parsed.data);
  const problems = parsed.error.issues.map((issue) => `${[...issue.path, issue.message].join(': ')}`);
  return wrong(problems.join('; '));
}

function wrong(problem: string): Result<Directives, string> {
  return err(`${DIRECTIVES_HEADER}: ${problem}`);
}
