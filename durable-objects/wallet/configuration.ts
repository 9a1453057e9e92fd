/**
 * The wallet's copy of what admins configured: pulled from D1, where it is true, and kept with its revision so
 * that turns go on while D1 is away.
 */
import { z } from 'zod';
import { LIFECYCLES, type ModelLifecycle, withLifecycles } from '../core/catalogue/lifecycles.ts';
import { builtinCatalogue } from '../core/catalogue/models.ts';
import { withOverrides } from '../core/catalogue/overrides.ts';
import type { Catalogue, PriceOverride } from '../core/catalogue/types.ts';
import { parsePolicy } from '../core/policy/parse.ts';
import type { PolicyVersion } from '../core/policy/types.ts';
import type { CostCenterNames } from '../core/refusal.ts';

export interface Configuration {
  revision: number;
  costCenter: string;
  names: CostCenterNames;
  archived: boolean;
  paused: { reason: string; untilMs: number | null } | null;
  /** Until this instant no budget warns, steps down or refuses; null: they do. */
  exemptUntilMs: number | null;
  /** Null: spending without limit. */
  policy: PolicyVersion | null;
  /** The built-in catalogue with `lifecycles` in its dates and the negotiated prices beside the list's. */
  catalogue: Catalogue;
  lifecycles: readonly ModelLifecycle[];
}

/** Whether the cost center is exempt from its budgets at an instant. */
export function isExempt({ exemptUntilMs }: Configuration, nowMs: number): boolean {
  return exemptUntilMs !== null && nowMs < exemptUntilMs;
}

/** What is told of copies; must not throw. */
export interface CopyListener {
  /** In the transaction in which a newer copy takes an older one's place; `before` null: the first one. */
  replaced(before: Configuration | null, after: Configuration, nowMs: number): void;
  /** In a transaction of its own: a copy that cannot be read, so that the one before stays. */
  refused(refused: RefusedCopy, nowMs: number): void;
}

export interface RefusedCopy {
  costCenter: string;
  revision: number;
  /** Null: none, or not to be made out. */
  policyVersion: number | null;
  /** A code; what is wrong in detail is logged, for it may name people. */
  why: string;
}

/** A copy that must not be applied, for a reason with a code of its own. */
export class CopyRefused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A table of D1 whose changed rows are copied with the document, in one transaction with it. */
export interface CopiedTable {
  /** Selects the rows of a cost center (first parameter) changed after a revision (second). */
  readonly query: string;
  /** Puts rows, as D1 gave them, into the wallet's own table. Throws on rows it cannot read. */
  keep(rows: readonly unknown[]): void;
  /** The table changed: what is in memory is not to be trusted. */
  reload(): void;
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
});

const pulledSchema = z.object({ revision: z.number().int(), document: z.string() });

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

/** Reads the stored document. Throws on one that cannot be read: spending without its policy is no alternative. */
function toConfiguration(revision: number, text: string, nowMs: number): Configuration {
  const document = documentSchema.parse(JSON.parse(text));
  const { id, name, timezone, policy_version: version } = document;
  const lifecycles = document.lifecycles.map(({ model, lifecycle, retires_at: retiresAtMs }) => ({
    model,
    lifecycle,
    retiresAtMs,
  }));
  const configuration = {
    revision,
    costCenter: id,
    names: { name, timezone, manager: managerOf(document.manager) },
    archived: document.archived_at !== null,
    paused:
      document.paused_at === null
        ? null
        : { reason: document.paused_reason ?? 'no reason given', untilMs: document.paused_until },
    exemptUntilMs: document.exempt_until,
    catalogue: withOverrides(
      withLifecycles(builtinCatalogue, lifecycles, nowMs),
      document.price_overrides.map(toOverride),
    ),
    lifecycles,
  };
  if (version === null) return { ...configuration, policy: null };
  const context = { timezone, catalogue: builtinCatalogue, nowMs: 0, enforce: 'stored' as const };
  const parsed = parsePolicy(document.policy, context);
  if (!parsed.ok)
    throw new CopyRefused(
      'policy_unreadable',
      `policy ${version} of ${id} cannot be read: ${JSON.stringify(parsed.error)}`,
    );
  return { ...configuration, policy: { version, policy: parsed.value.policy } };
}

export class ConfigurationCopy {
  readonly #storage: DurableObjectStorage;
  readonly #changes: readonly CopiedTable[];
  readonly #listener: CopyListener;
  #current: Configuration | null;

  /** `changes` are the tables copied row by row along with the document. */
  constructor(
    storage: DurableObjectStorage,
    changes: readonly CopiedTable[],
    listener: CopyListener,
    nowMs: number,
  ) {
    this.#storage = storage;
    this.#changes = changes;
    this.#listener = listener;
    const [row] = storage.sql
      .exec<{ revision: number; document: string }>('SELECT revision, document FROM configuration')
      .toArray();
    this.#current = row ? toConfiguration(row.revision, row.document, nowMs) : null;
  }

  /** Null before the first pull. */
  current(): Configuration | null {
    return this.#current;
  }

  /**
   * Pulls what changed since the copy's revision. Rejects where D1 is away; resolves to null where D1 has no
   * such cost center. An answer older than the copy changes nothing.
   */
  async pull(db: D1Database, costCenter: string, nowMs: number): Promise<Configuration | null> {
    const known = this.#current?.revision ?? 0;
    const document = db
      .prepare('SELECT revision, document FROM wallet_configurations WHERE cost_center = ?')
      .bind(costCenter);
    const changes = this.#changes.map(({ query }) => db.prepare(query).bind(costCenter, known));
    const [documents, ...changed] = await db.batch<unknown>([document, ...changes]);
    const row = documents?.results[0];
    if (row === undefined) return null;
    const pulled = pulledSchema.parse(row);
    const before = this.#current;
    if (before && pulled.revision <= before.revision) return before;
    const configuration = this.#read(costCenter, pulled, nowMs);
    this.#storage.transactionSync(() => {
      const { revision } = configuration;
      this.#storage.sql.exec(
        'INSERT OR REPLACE INTO configuration VALUES (1, ?, ?)',
        revision,
        pulled.document,
      );
      for (const [index, table] of this.#changes.entries()) table.keep(changed[index]?.results ?? []);
      this.#listener.replaced(before, configuration, nowMs);
    });
    this.#current = configuration;
    for (const table of this.#changes) table.reload();
    return configuration;
  }
  #read(costCenter: string, pulled: z.output<typeof pulledSchema>, nowMs: number): Configuration {
    const { revision, document } = pulled;
    try {
      return toConfiguration(revision, document, nowMs);
    } catch (error) {
      const why = error instanceof CopyRefused ? error.code : 'unreadable';
      const refused = { costCenter, revision, policyVersion: versionIn(document), why };
      this.#storage.transactionSync(() => this.#listener.refused(refused, nowMs));
      throw error;
    }
  }
}

/** The policy version that a document names, whatever else is wrong with it. */
function versionIn(document: string): number | null {
  const version = z.object({ policy_version: z.number().int() });
  try {
    return version.parse(JSON.parse(document)).policy_version;
  } catch {
    return null;
  }
}
