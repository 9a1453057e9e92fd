/** What `npm run demo:traffic` is asked for, from its arguments; a wrong one is named. */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';

export const USAGE = `npm run demo:traffic -- [options]

Writes a month of made-up traffic to the ledger of the local gateway, while that does not run:
  --days N       how many days (30)
  --until TIME   where they end: an ISO 8601 instant in UTC (now)
  --seed N       which traffic (1); the same seed makes the same

Or sends some of it to a running gateway (ADMIN_TOKEN has to be set):
  --play URL     the gateway, as http://127.0.0.1:8787
  --turns N      how many turns (200)
  --real         also where the gateway's upstream is no simulator: those turns are paid for
`;

export interface DemoOptions {
  seed: number;
  /** Whole days of traffic. */
  days: number;
  /** Epoch ms. */
  untilMs: number;
  /** Null: write the ledger. */
  play: { url: URL; turns: number; evenIfPaid: boolean } | null;
}

const whole = (most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().min(1).max(most));

const schema = z.object({
  days: whole(365).default(30),
  seed: whole(999_999_999).default(1),
  until: z.iso.datetime({ error: 'expected an instant such as 2026-11-25T00:00:00Z' }).optional(),
  play: z.url({ protocol: /^https?$/, error: 'expected an http or https address' }).optional(),
  turns: whole(100_000).default(200),
  real: z.boolean().default(false),
});

const text = { type: 'string' } as const;
const FLAGS = {
  days: text,
  seed: text,
  until: text,
  play: text,
  turns: text,
  real: { type: 'boolean' },
} as const;

export function readOptions(args: string[], nowMs: number): Result<DemoOptions, string> {
  let values: unknown;
  try {
    ({ values } = parseArgs({ args, options: FLAGS, strict: true }));
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
  const parsed = schema.safeParse(values);
  if (!parsed.success) {
    return err(parsed.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('\n'));
  }
  const { days, seed, until, play, turns, real } = parsed.data;
  return ok({
    seed,
    days,
    untilMs: until === undefined ? nowMs : Date.parse(until),
    play: play === undefined ? null : { url: new URL(play), turns, evenIfPaid: real },
  });
}
