/**
 * What `npm start` reads from the environment, checked once. A value that cannot be meant is named, with what
 * was expected; nothing is guessed.
 */
import { z } from 'zod';
import { readFailover } from '../../durable-objects/core/failover-settings.ts';
import { readModelAliases } from '../../durable-objects/core/model-aliases.ts';
import { readProviders, secretsNamed } from '../../durable-objects/core/provider-settings.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import { readTrustedIssuers } from '../../durable-objects/core/trusted-issuers.ts';
import { projectPath } from '../project.ts';

const DEFAULT_PORT = 8787;
const ANTHROPIC = 'https://api.anthropic.com';
/** Stands where a mock upstream is named and no key: the Worker wants one, a mock does not look. */
const PLACEHOLDER_KEY = 'no-key-given';

export type Upstream =
  | { provider: 'simulator' }
  /** `PROVIDERS`: their ids. `asksModels`: whether the first has something to say of models. */
  | { provider: 'listed'; ids: readonly string[]; asksModels: boolean }
  | { provider: 'anthropic'; url: string; apiKey: string; placeholderKey: boolean };

export interface Settings {
  /** 0: any free port. */
  port: number;
  upstream: Upstream;
  /** Null: the one kept in the state, made at the first start. */
  adminToken: string | null;
  /** Whether alerts may go to addresses on this machine. */
  alertsAllowPrivate: boolean;
  /** What the Worker reads of providers besides: PROVIDERS, MODEL_ALIASES, FAILOVER, OWN_CREDENTIALS and the secrets they name. */
  providing: Record<string, string>;
  /** Identity providers, as the Worker reads them; those that are set. */
  identity: Record<string, string>;
  /** Where D1, the wallets and the local secrets are kept; absolute. */
  stateDir: string;
  /** The machine's IANA time zone, in which the demo's days begin. */
  timezone: string;
}

/** An empty variable is an unset one, as shells and CI leave it. */
const text = z
  .string()
  .optional()
  .transform((value) => (value === undefined || value.trim() === '' ? undefined : value.trim()));

const schema = z.object({
  PORT: text.pipe(
    z
      .string()
      .regex(/^\d{1,5}$/, 'expected a port number from 0 to 65535')
      .transform(Number)
      .refine((port) => port <= 65_535, 'expected a port number from 0 to 65535')
      .optional(),
  ),
  ANTHROPIC_API_KEY: text,
  ANTHROPIC_UPSTREAM_URL: text.pipe(
    z.url({ protocol: /^https?$/, error: 'expected an http or https address' }).optional(),
  ),
  ADMIN_TOKEN: text.pipe(
    z
      .string()
      .regex(/^\S{16,}$/, 'expected at least 16 characters, no space')
      .optional(),
  ),
  ALERTS_ALLOW_PRIVATE: text.pipe(z.enum(['true', 'false'], 'expected "true" or "false"').optional()),
  BURSAR_STATE_DIR: text,
  ACCESS_TEAM_DOMAIN: text,
  ACCESS_AUD: text,
  OIDC_ISSUERS: text,
  OIDC_ALLOW_LOOPBACK: text,
});

/** The settings in `env`, or one line a wrong variable. Never holds a value, which may be a secret. */
export function readSettings(env: Record<string, string | undefined>): Result<Settings, string> {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    return err(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
  }
  const { ACCESS_TEAM_DOMAIN, ACCESS_AUD, OIDC_ISSUERS, OIDC_ALLOW_LOOPBACK } = parsed.data;
  const identity = { ACCESS_TEAM_DOMAIN, ACCESS_AUD, OIDC_ISSUERS, OIDC_ALLOW_LOOPBACK };
  const trusted = readTrustedIssuers(identity);
  if (!trusted.ok) return trusted;
  const { PORT, ANTHROPIC_API_KEY, ANTHROPIC_UPSTREAM_URL, ADMIN_TOKEN, BURSAR_STATE_DIR } = parsed.data;
  const listed = readListed(env);
  if (!listed.ok) return listed;
  return ok({
    port: PORT ?? DEFAULT_PORT,
    upstream: listed.value.upstream ?? chooseUpstream(ANTHROPIC_API_KEY, ANTHROPIC_UPSTREAM_URL),
    providing: listed.value.providing,
    adminToken: ADMIN_TOKEN ?? null,
    alertsAllowPrivate: parsed.data.ALERTS_ALLOW_PRIVATE === 'true',
    identity: Object.fromEntries(
      Object.entries(identity).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    stateDir: BURSAR_STATE_DIR ?? projectPath('.wrangler/state'),
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  });
}

interface Listed {
  /** Null: there is no list. */
  upstream: Upstream | null;
  providing: Record<string, string>;
}

/** The list of providers, checked as the Worker would, and only the secrets it names. */
function readListed(env: Record<string, string | undefined>): Result<Listed, string> {
  const aliases = readModelAliases(env.MODEL_ALIASES);
  if (!aliases.ok) return aliases;
  const failover = readFailover(env.FAILOVER);
  if (!failover.ok) return failover;
  const providing = setIn(env, ['MODEL_ALIASES', 'FAILOVER', 'OWN_CREDENTIALS']);
  if (!env.PROVIDERS?.trim()) return ok({ upstream: null, providing });
  const providers = readProviders(env, aliases.value);
  if (!providers.ok) return providers;
  const [first] = providers.value;
  const ids = providers.value.map(({ id }) => id);
  return ok({
    upstream: { provider: 'listed', ids, asksModels: first.kind === 'anthropic' },
    providing: { ...providing, ...setIn(env, ['PROVIDERS', ...secretsNamed(env.PROVIDERS)]) },
  });
}

/** Those of the variables that are set. */
function setIn(env: Record<string, string | undefined>, names: readonly string[]): Record<string, string> {
  const set = names.flatMap((name) => {
    const value = env[name]?.trim();
    return value ? [[name, value] as const] : [];
  });
  return Object.fromEntries(set);
}

function chooseUpstream(apiKey: string | undefined, url: string | undefined): Upstream {
  if (apiKey === undefined && url === undefined) return { provider: 'simulator' };
  return {
    provider: 'anthropic',
    url: url ?? ANTHROPIC,
    apiKey: apiKey ?? PLACEHOLDER_KEY,
    placeholderKey: apiKey === undefined,
  };
}
