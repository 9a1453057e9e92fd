/**
 * The program's edge: unchecked env in, checked bindings out, once per isolate. A missing or malformed secret
 * or var is named in the error; what is optional is null, so that the compiler makes everyone handle it.
 */
import { z } from 'zod';
import type { AlertDelivery } from '../durable-objects/alerts/delivery.ts';
import { type AlertVariables, readAlertSettings } from '../durable-objects/core/alerting/settings.ts';
import { type FailoverSettings, readFailover } from '../durable-objects/core/failover-settings.ts';
import { readModelAliases, withOwnIds } from '../durable-objects/core/model-aliases.ts';
import { parseUsd } from '../durable-objects/core/money.ts';
import { readOtlpDestination } from '../durable-objects/core/otlp-destination.ts';
import {
  type ProviderSettings,
  type ProviderVariables,
  readProviders,
} from '../durable-objects/core/provider-settings.ts';
import { err, ok, type Result } from '../durable-objects/core/result.ts';
import { readSigningKeys, type SigningKeyText } from '../durable-objects/core/signing-keys.ts';
import {
  type IdentityVariables,
  readTrustedIssuers,
  type TrustedIssuer,
} from '../durable-objects/core/trusted-issuers.ts';
import type { DryRun } from '../durable-objects/dry-runs/dry-run.ts';
import type { Wallet } from '../durable-objects/wallet/wallet.ts';

/** The bindings as wrangler.toml declares them, unchecked. */
export interface Env extends AlertVariables, IdentityVariables, ProviderVariables {
  DB: D1Database;
  WALLET: DurableObjectNamespace<Wallet>;
  ALERTS: DurableObjectNamespace<AlertDelivery>;
  DRY_RUNS: DurableObjectNamespace<DryRun>;
  EMAIL?: SendEmail;
  ADMIN_TOKEN?: string;
  SIGNING_KEYS?: string;
  POLICY_APPROVAL?: string;
  POLICY_FOUR_EYES?: string;
  ANTHROPIC_VERSION?: string;
  FAILOVER?: string;
  OWN_CREDENTIALS?: string;
  ARCHIVE?: R2Bucket;
  HOT_DAYS?: string;
  ANTHROPIC_ADMIN_KEY?: string;
  ANTHROPIC_API_KEY_ID?: string;
  RECONCILIATION_TOLERANCE?: string;
  RECONCILIATION_TOLERANCE_USD?: string;
  OTLP_ENDPOINT?: string;
  OTLP_HEADERS?: string;
}

/** One secret that virtual keys are signed with. */
export interface KeySecret {
  /** A positive integer, unique in the list; it stands in every key signed with this secret. */
  generation: number;
  secret: string;
}

/** Where entries go that are older than the hot days. */
export interface ArchiveBindings {
  bucket: R2Bucket;
  /** Whole days (UTC) that stay in D1, today among them. */
  hotDays: number;
}

/** A key of Bursar's own at Anthropic. */
export interface OwnKey {
  /** Anthropic's id, `apikey_…`. */
  id: string;
  /** As the ledger names it (`anthropic-3fa9c1d2`); null: the present `ANTHROPIC_API_KEY`. */
  fingerprint: string | null;
}

/** How Anthropic's cost report is asked and what is taken for a difference. */
export interface CostReportBindings {
  /** Scheme and host of the API, no slash at the end. */
  url: string;
  adminKey: string;
  anthropicVersion: string;
  /** Empty where nobody said which keys are Bursar's: then all keys are compared together. */
  ownKeys: readonly OwnKey[];
  /** The present `ANTHROPIC_API_KEY`; null where turns are answered by the simulator. */
  apiKey: string | null;
  tolerance: Tolerance;
}

/** A difference within either of these is none. */
export interface Tolerance {
  /** Of what Anthropic says, in millionths. */
  millionths: number;
  nanoUsd: number;
}

export interface Bindings {
  db: D1Database;
  wallets: DurableObjectNamespace<Wallet>;
  alerts: DurableObjectNamespace<AlertDelivery>;
  dryRuns: DurableObjectNamespace<DryRun>;
  /** Newest first: the first signs, all verify. */
  keySecrets: readonly [KeySecret, ...KeySecret[]];
  adminToken: string;
  /** Newest first: the first signs policy versions and the audit log's head, all verify. */
  signingKeys: readonly SigningKeyText[];
  /** Whether a policy version needs an approval before it goes live. */
  policyApproval: boolean;
  /** Whether who approves a version must be another than who wrote or submitted it. */
  policyFourEyes: boolean;
  /** Whose word on people counts; none where none is configured. */
  trustedIssuers: readonly TrustedIssuer[];
  providers: readonly [ProviderSettings, ...ProviderSettings[]];
  /** What a deployment and its providers call models, and the first-party names they stand for. */
  modelAliases: ReadonlyMap<string, string>;
  failover: FailoverSettings;
  /** Whether a developer may bring a credential of their own, with Bursar's key in `x-bursar-key`. */
  ownCredentials: boolean;
  /** Sent where a client names no `anthropic-version`. */
  anthropicVersion: string;
  /** Null: all entries stay in D1. */
  archive: ArchiveBindings | null;
  /** Null without `ANTHROPIC_ADMIN_KEY`: nothing is compared with Anthropic's report. */
  costReport: CostReportBindings | null;
  /** Where people reach this deployment, no slash at the end; null: nothing that is sent has a link. */
  publicUrl: string | null;
  /** Whether alerts may go to this machine and over http; never in a deployment. */
  alertsAllowPrivate: boolean;
  /** What there is to send alerts with. */
  alertMeans: { hasSlackToken: boolean; hasEmail: boolean };
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

const OWN_KEY = /^(apikey_[\w-]{1,120})(?:=(anthropic-[0-9a-f]{8}))?$/;

const ownKeys = z.string().transform((text, context): OwnKey[] => {
  const keys = text.split(',').map((part) => OWN_KEY.exec(part.trim()));
  const presentKeys = keys.filter((match) => match && match[2] === undefined);
  if (keys.every((match) => match !== null) && presentKeys.length <= 1) {
    return keys.map(([, id = '', fingerprint = null]) => ({ id, fingerprint }));
  }
  const message =
    'expected "apikey_…", and after it, comma-separated, former keys as "apikey_…=anthropic-<8 hex digits>"';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const toleratedFraction = z.string().transform((text, context): number => {
  const match = /^0(?:\.(\d{1,6}))?$/.exec(text);
  if (match) return Number((match[1] ?? '').padEnd(6, '0'));
  context.addIssue({ code: 'custom', message: 'expected a fraction below 1 such as "0.005"' });
  return z.NEVER;
});

const toleratedUsd = z.string().transform((text, context): number => {
  const amount = parseUsd(text);
  if (amount !== null && amount >= 0) return amount;
  context.addIssue({ code: 'custom', message: 'expected US dollars such as "0.01"' });
  return z.NEVER;
});

const onByDefault = z
  .enum(['on', 'off'], 'expected "on" or "off"')
  .default('on')
  .transform((word) => word === 'on');

const offByDefault = z
  .enum(['on', 'off'], 'expected "on" or "off"')
  .default('off')
  .transform((word) => word === 'on');

const schema = z.object({
  KEY_SECRETS: keySecrets,
  ADMIN_TOKEN: z.string().min(16, 'expected at least 16 characters'),
  PROVIDER: z.enum(['anthropic', 'simulator']),
  POLICY_APPROVAL: onByDefault,
  POLICY_FOUR_EYES: onByDefault,
  OWN_CREDENTIALS: offByDefault,
  ANTHROPIC_API_KEY: z.string().min(1).optional(),
  ANTHROPIC_UPSTREAM_URL: z.url({ protocol: /^https?$/ }).default('https://api.anthropic.com'),
  ANTHROPIC_VERSION: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, 'expected a date, YYYY-MM-DD')
    .default('2023-06-01'),
  HOT_DAYS: z
    .string()
    .regex(/^\d{1,4}$/, 'expected a whole number of days from 2 to 3650')
    .transform(Number)
    .refine((days) => days >= 2 && days <= 3_650, 'expected a whole number of days from 2 to 3650')
    .default(90),
  ANTHROPIC_ADMIN_KEY: z
    .string()
    .regex(/^\S{16,}$/, 'expected at least 16 characters, no space')
    .optional(),
  ANTHROPIC_API_KEY_ID: ownKeys.optional(),
  RECONCILIATION_TOLERANCE: toleratedFraction.prefault('0.005'),
  RECONCILIATION_TOLERANCE_USD: toleratedUsd.prefault('0.01'),
});

function costReportOf(vars: z.output<typeof schema>): CostReportBindings | null {
  if (vars.ANTHROPIC_ADMIN_KEY === undefined) return null;
  return {
    url: vars.ANTHROPIC_UPSTREAM_URL.replace(/\/+$/, ''),
    adminKey: vars.ANTHROPIC_ADMIN_KEY,
    anthropicVersion: vars.ANTHROPIC_VERSION,
    ownKeys: vars.ANTHROPIC_API_KEY_ID ?? [],
    apiKey: vars.PROVIDER === 'anthropic' ? (vars.ANTHROPIC_API_KEY ?? null) : null,
    tolerance: {
      millionths: vars.RECONCILIATION_TOLERANCE,
      nanoUsd: vars.RECONCILIATION_TOLERANCE_USD,
    },
  };
}

/** Checks the environment; the error names every binding that is missing or malformed, never a value. */
export function readBindings(env: Env): Result<Bindings, string> {
  const parsed = schema.safeParse(env);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  // Read by the objects, which send; checked here, where a mistake is told.
  const otlp = readOtlpDestination(env);
  if (!otlp.ok) problems.push(otlp.error);
  const signing = readSigningKeys(env.SIGNING_KEYS);
  if (!signing.ok) problems.push(signing.error);
  const trusted = readTrustedIssuers(env);
  if (!trusted.ok) problems.push(trusted.error);
  const alerting = readAlertSettings(env);
  if (!alerting.ok) problems.push(alerting.error);
  if (!env.DB) problems.push('DB: expected a D1 binding');
  if (!env.WALLET) problems.push('WALLET: expected a Durable Object binding');
  if (!env.ALERTS) problems.push('ALERTS: expected a Durable Object binding');
  if (!env.DRY_RUNS) problems.push('DRY_RUNS: expected a Durable Object binding');
  const aliases = readModelAliases(env.MODEL_ALIASES);
  if (!aliases.ok) problems.push(aliases.error);
  const providers = readProviders(env, aliases.ok ? aliases.value : new Map());
  if (!providers.ok) problems.push(providers.error);
  const failover = readFailover(env.FAILOVER);
  if (!failover.ok) problems.push(failover.error);
  const isRead = parsed.success && alerting.ok && signing.ok && trusted.ok;
  if (!isRead || !aliases.ok || !providers.ok || !failover.ok || problems.length > 0)
    return err(`Bursar is not configured: ${problems.join('; ')}`);
  const vars = parsed.data;
  return ok({
    db: env.DB,
    wallets: env.WALLET,
    alerts: env.ALERTS,
    dryRuns: env.DRY_RUNS,
    keySecrets: vars.KEY_SECRETS,
    adminToken: vars.ADMIN_TOKEN,
    signingKeys: signing.value,
    policyApproval: vars.POLICY_APPROVAL,
    policyFourEyes: vars.POLICY_FOUR_EYES,
    trustedIssuers: trusted.value,
    providers: providers.value,
    modelAliases: withOwnIds(aliases.value, providers.value),
    failover: failover.value,
    ownCredentials: vars.OWN_CREDENTIALS,
    anthropicVersion: vars.ANTHROPIC_VERSION,
    archive: env.ARCHIVE ? { bucket: env.ARCHIVE, hotDays: vars.HOT_DAYS } : null,
    costReport: costReportOf(vars),
    publicUrl: alerting.value.publicUrl,
    alertsAllowPrivate: alerting.value.allowsPrivate,
    alertMeans: {
      hasSlackToken: alerting.value.slackToken !== null,
      hasEmail: Boolean(env.EMAIL) && alerting.value.mailFrom !== null,
    },
  });
}
