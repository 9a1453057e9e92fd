/** How far a turn goes from provider to provider before its answer begins: the variable `FAILOVER`, a JSON object. */
import { z } from 'zod';
import { isObjectDocument, parsedVariable, problemsIn } from './json-variable.ts';
import { err, ok, type Result } from './result.ts';

export interface FailoverSettings {
  /** Providers asked for one turn, the first among them; 1: no failover. */
  attempts: number;
  /** How long the first byte of a streamed answer may take, ms, where there is another provider to go to. */
  firstByteMs: number;
  /** From the turn's admission, ms: after it no other provider is asked. */
  totalMs: number;
}

const whole = (from: number, to: number) =>
  z
    .int(`expected a whole number from ${from} to ${to}`)
    .min(from, `expected a whole number from ${from} to ${to}`)
    .max(to, `expected a whole number from ${from} to ${to}`);

const schema = z
  .strictObject({
    attempts: whole(1, 10).default(3),
    first_byte_ms: whole(100, 600_000).default(60_000),
    total_ms: whole(100, 600_000).default(120_000),
  })
  .transform(
    ({ attempts, first_byte_ms: firstByteMs, total_ms: totalMs }): FailoverSettings => ({
      attempts,
      firstByteMs,
      totalMs,
    }),
  );

/** The settings, or one line that names what is wrong. */
export function readFailover(text: string | undefined): Result<FailoverSettings, string> {
  const given = text?.trim() ?? '';
  const document = given === '' ? {} : parsedVariable(given);
  if (!isObjectDocument(document)) return err('FAILOVER: expected a JSON object such as {"attempts": 3}');
  const parsed = schema.safeParse(document);
  return parsed.success ? ok(parsed.data) : err(problemsIn('FAILOVER', parsed.error));
}
