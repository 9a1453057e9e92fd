/** What admins configured, as the wallet reads its copy of it. */
import { z } from 'zod';
import { LIFECYCLES, type ModelLifecycle, withLifecycles } from '../core/catalogue/lifecycles.ts';
import { builtinCatalogue } from '../core/catalogue/models.ts';
import { withOverrides } from '../core/catalogue/overrides.ts';
import type { Catalogue, PriceOverride } from '../core/catalogue/types.ts';
import { parsePolicy } from '../core/policy/parse.ts';
import type { PolicyVersion } from '../core/policy/types.ts';
import type { CostCenterNames } from '../core/refusal.ts';
import { type RefusedPolicy, refusedPolicySchema } from './policy-signature.ts';
import {
  type Rollout,
  rolloutSchema,
  takenBack,
  toRollout,
  versionFor,
  type Watching,
  watchingOf,
} from './rollouts.ts';

export interface Configuration {
  revision: number;
  costCenter: string;
  names: CostCenterNames;
  archived: boolean;
  paused: { reason: string; untilMs: number | null } | null;
  /** Until this instant no budget warns, steps down or refuses; null: they do. */
  exemptUntilMs: number | null;
  /** The live version; null: none is. Ask `policyInForce` which one decides. */
  livePolicy: PolicyVersion | null;
  /** The version that takes the live one's place at its instant. */
  scheduledPolicy: ScheduledPolicy | null;
  /** Versions that D1 has in force and whose signatures do not hold: they decide nothing. */
  refusedPolicies: readonly RefusedPolicy[];
  /** The canary, and how the live version came to be it: those that go on. */
  rollouts: readonly Rollout[];
  /** Ids of rollouts whose guard tripped; kept by the wallet, and never older than its last transaction. */
  tripped: ReadonlySet<string>;
  /** The built-in catalogue with `lifecycles` in its dates and the negotiated prices beside the list's. */
  catalogue: Catalogue;
  lifecycles: readonly ModelLifecycle[];
}

export interface ScheduledPolicy extends PolicyVersion {
  /** Epoch ms, by the wallet's clock. */
  fromMs: number;
}

/** The scheduled version once its instant has come. A guard that took the live one back before ended the schedule, too. */
function dueVersion(configuration: Configuration, nowMs: number): ScheduledPolicy | null {
  const { scheduledPolicy } = configuration;
  const isDue = scheduledPolicy !== null && scheduledPolicy.fromMs <= nowMs;
  return isDue && takenBack(configuration) === null ? scheduledPolicy : null;
}

/**
 * The version that decides at an instant; null: spending without limit, unless `lacksVerifiedPolicy`. The session
 * (null: of none in particular) is what a version for a share of sessions goes by. A scheduled version ends a canary.
 */
export function policyInForce(
  configuration: Configuration,
  nowMs: number,
  session: string | null,
): PolicyVersion | null {
  return dueVersion(configuration, nowMs) ?? versionFor(configuration, session);
}

/** The number of the canary that decides over a session at an instant; null: the version for all does. */
export function canaryOver(configuration: Configuration, nowMs: number, session: string): number | null {
  const version = policyInForce(configuration, nowMs, session)?.version ?? null;
  return version === (policyInForce(configuration, nowMs, null)?.version ?? null) ? null : version;
}

/** The rollouts that a session's turns tell of at an instant. */
export function watchingIn(configuration: Configuration, nowMs: number, session: string): Watching[] {
  return dueVersion(configuration, nowMs) ? [] : watchingOf(configuration, session, nowMs);
}

/** A rollout that goes on at an instant; null where it is over, as by a scheduled version. */
export function rolloutIn(configuration: Configuration, nowMs: number, id: string): Rollout | null {
  if (dueVersion(configuration, nowMs)) return null;
  return configuration.rollouts.find((each) => each.id === id) ?? null;
}

/** Whether a policy is meant to bind the cost center, and none could ever be verified: then no turn may go on. */
export function lacksVerifiedPolicy(configuration: Configuration, nowMs: number): boolean {
  const isRefused = configuration.refusedPolicies.some(({ as }) => as === 'live');
  return isRefused && policyInForce(configuration, nowMs, null) === null;
}

/** Whether the cost center is exempt from its budgets at an instant. */
export function isExempt({ exemptUntilMs }: Configuration, nowMs: number): boolean {
  return exemptUntilMs !== null && nowMs < exemptUntilMs;
}

/** A copy that must not be applied, for a reason with a code of its own. */
export class CopyRefused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const picoUsd = z.number().int().nonnegative();

const overrideSchema = z.object({
  id: z.string(),
  model: z.string().nullable(),
  percent_off_millionths: z.number().int().min(0).max(1_000_000).nullable(),
  prices: z
    .object({
      input: picoUsd,
      cacheWrite5m: picoUsd,
      cacheWrite1h: picoUsd,
      cacheRead: picoUsd,
      output: picoUsd,
    })
    .nullable(),
  effective_from: instant,
  effective_until: instant.nullable(),
});

const documentSchema = z.object({
  id: z.string(),
  name: z.string(),
  timezone: z.string(),
  manager: z.object({ name: z.string().nullable(), email: z.string().nullable() }),
  archived_at: z.string().nullable(),
  paused_at: z.string().nullable(),
  paused_until: instant.nullable(),
  paused_reason: z.string().nullable(),
  // Copies from before these were there go on until the next pull.
  exempt_until: instant.nullable().default(null),
  lifecycles: z
    .array(z.object({ model: z.string(), lifecycle: z.enum(LIFECYCLES), retires_at: instant.nullable() }))
    .default([]),
  price_overrides: z.array(overrideSchema).default([]),
  policy_version: z.number().int().nullable(),
  policy: z.unknown(),
  scheduled_policy: z
    .object({ version: z.number().int(), activate_at: instant, policy: z.unknown() })
    .nullable()
    .default(null),
  refused_policies: z.array(refusedPolicySchema).default([]),
  rollouts: z.array(rolloutSchema).default([]),
});

function managerOf(manager: { name: string | null; email: string | null }): string | null {
  if (manager.name && manager.email) return `${manager.name} (${manager.email})`;
  return manager.name ?? manager.email;
}

/** D1 holds exactly one of percentage and prices. */
function toOverride(row: z.output<typeof overrideSchema>): PriceOverride {
  const { id, model, percent_off_millionths: offMillionths, prices } = row;
  const span = { fromMs: row.effective_from, untilMs: row.effective_until };
  if (prices) return { id, model, terms: { kind: 'prices', prices }, ...span };
  return { id, model, terms: { kind: 'percent_off', offMillionths: offMillionths ?? 0 }, ...span };
}

/** Reads a policy that was valid once. Throws on one that cannot be read: spending without it is no alternative. */
function toPolicyVersion(
  version: number,
  document: unknown,
  of: { id: string; timezone: string },
): PolicyVersion {
  const context = {
    timezone: of.timezone,
    catalogue: builtinCatalogue,
    nowMs: 0,
    enforce: 'stored' as const,
  };
  const parsed = parsePolicy(document, context);
  if (parsed.ok) return { version, policy: parsed.value.policy };
  const message = `policy ${version} of ${of.id} cannot be read: ${JSON.stringify(parsed.error)}`;
  throw new CopyRefused('policy_unreadable', message);
}

/** Reads a copy's document, whose policies were verified. Throws on one that cannot be read. */
export function toConfiguration(
  revision: number,
  text: string,
  nowMs: number,
  tripped: ReadonlySet<string>,
): Configuration {
  const document = documentSchema.parse(JSON.parse(text));
  const { id, name, timezone, policy_version: version, scheduled_policy: scheduled } = document;
  const lifecycles = document.lifecycles.map(({ model, lifecycle, retires_at: retiresAtMs }) => ({
    model,
    lifecycle,
    retiresAtMs,
  }));
  return {
    revision,
    costCenter: id,
    names: { name, timezone, manager: managerOf(document.manager) },
    archived: document.archived_at !== null,
    paused:
      document.paused_at === null
        ? null
        : { reason: document.paused_reason ?? 'no reason given', untilMs: document.paused_until },
    exemptUntilMs: document.exempt_until,
    livePolicy: version === null ? null : toPolicyVersion(version, document.policy, document),
    scheduledPolicy: scheduled && {
      ...toPolicyVersion(scheduled.version, scheduled.policy, document),
      fromMs: scheduled.activate_at,
    },
    refusedPolicies: document.refused_policies,
    rollouts: document.rollouts.map((row) =>
      toRollout(row, (number, policy) => toPolicyVersion(number, policy, document)),
    ),
    tripped,
    catalogue: withOverrides(
      withLifecycles(builtinCatalogue, lifecycles, nowMs),
      document.price_overrides.map(toOverride),
    ),
    lifecycles,
  };
}
