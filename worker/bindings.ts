/**
 * The program's edge: unchecked env in, checked bindings out, once per isolate. A missing or malformed secret
 * or var is named in the error; what is optional is null, so that the compiler makes everyone handle it.
 */
import { z } from 'zod';
import { readOtlpDestination } from '../durable-objects/core/otlp-destination.ts';
import { err, ok, type Result } from '../durable-objects/core/result.ts';
import type { Wallet } from '../durable-objects/wallet/wallet.ts';

/** The bindings as wrangler.toml declares them, unchecked. */
export interface Env {
  DB: D1Database;
  WALLET: DurableObjectNamespace<Wallet>;
  KEY_SECRETS?: string;
  ADMIN_TOKEN?: string;
  PROVIDER?: string;
  ANTHROPIC_API_KEY?: string;
  ANTHROPIC_UPSTREAM_URL?: string;
  ANTHROPIC_VERSION?: string;
  OTLP_ENDPOINT?: string;
  OTLP_HEADERS?: string;
}

/** One secret that virtual keys are signed with. */
export interface KeySecret {
  /** A positive integer, unique in the list; it stands in every key signed with this secret. */
  generation: number;
  secret: string;
}

export type ProviderBindings =
  | { name: 'simulator' }
  | { name: 'anthropic'; upstreamUrl: string; apiKey: string };

export interface Bindings {
  db: D1Database;
  wallets: DurableObjectNamespace<Wallet>;
  /** Newest first: the first signs, all verify. */
  keySecrets: readonly [KeySecret, ...KeySecret[]];
  adminToken: string;
  provider: ProviderBindings;
  /** Sent where a client names no `anthropic-version`. */
  anthropicVersion: string;
}

const keySecrets = z.string().transform((text, context): [KeySecret, ...KeySecret[]] => {
  const secrets: KeySecret[] = [];
  for (const part of text.split(',')) {
    const match = /^\s*([1-9]\d{0,5}):(\S{32,})\s*$/.exec(part);
    if (!match) {
      context.addIssue({
        code: 'custom',
        message: 'expected "<generation>:<at least 32 characters>", comma-separated, newest first',
      });
      return z.NEVER;
    }
    secrets.push({ generation: Number(match[1]), secret: match[2] ?? '' });
  }
  const [first, ...rest] = secrets;
  if (!first || new Set(secrets.map((each) => each.generation)).size !== secrets.length) {
    context.addIssue({ code: 'custom', message: 'expected every generation once' });
    return z.NEVER;
  }
  return [first, ...rest];
});

const schema = z.object({
  KEY_SECRETS: keySecrets,
  ADMIN_TOKEN: z.string().min(16, 'expected at least 16 characters'),
  PROVIDER: z.enum(['anthropic', 'simulator']),
  ANTHROPIC_API_KEY: z.string().min(1).optional(),
  ANTHROPIC_UPSTREAM_URL: z.url({ protocol: /^https?$/ }).default('https://api.anthropic.com'),
  ANTHROPIC_VERSION: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, 'expected a date, YYYY-MM-DD')
    .default('2023-06-01'),
});

/** Checks the environment; the error names every binding that is missing or malformed, never a value. */
export function readBindings(env: Env): Result<Bindings, string> {
  const parsed = schema.safeParse(env);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  // Read by the wallets, which send; checked here, where a mistake is told.
  const otlp = readOtlpDestination(env);
  if (!otlp.ok) problems.push(otlp.error);
  if (!env.DB) problems.push('DB: expected a D1 binding');
  if (!env.WALLET) problems.push('WALLET: expected a Durable Object binding');
  if (env.PROVIDER === 'anthropic' && !env.ANTHROPIC_API_KEY) {
    problems.push('ANTHROPIC_API_KEY: expected a secret, because PROVIDER is "anthropic"');
  }
  if (!parsed.success || problems.length > 0) return err(`Bursar is not configured: ${problems.join('; ')}`);
  const vars = parsed.data;
  return ok({
    db: env.DB,
    wallets: env.WALLET,
    keySecrets: vars.KEY_SECRETS,
    adminToken: vars.ADMIN_TOKEN,
    provider:
      vars.PROVIDER === 'simulator'
        ? { name: 'simulator' }
        : {
            name: 'anthropic',
            upstreamUrl: vars.ANTHROPIC_UPSTREAM_URL.replace(/\/+$/, ''),
            apiKey: vars.ANTHROPIC_API_KEY ?? '',
          },
    anthropicVersion: vars.ANTHROPIC_VERSION,
  });
}
