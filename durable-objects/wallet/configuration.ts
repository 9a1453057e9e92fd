/**
 * The wallet's copy of what admins configured: pulled from D1, where it is true, and kept with its revision so
 * that turns go on while D1 is away.
 */
import { z } from 'zod';
import { builtinCatalogue } from '../core/catalogue/models.ts';
import { parsePolicy } from '../core/policy/parse.ts';
import type { PolicyVersion } from '../core/policy/types.ts';
import type { CostCenterNames } from '../core/refusal.ts';

export interface Configuration {
  revision: number;
  costCenter: string;
  names: CostCenterNames;
  archived: boolean;
  paused: { reason: string; untilMs: number | null } | null;
  /** Null: spending without limit. */
  policy: PolicyVersion | null;
}

export interface VirtualKey {
  id: string;
  developer: string;
  tags: Record<string, string>;
  enabled: boolean;
  expiresAtMs: number | null;
  revoked: boolean;
}

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const documentSchema = z.object({
  id: z.string(),
  name: z.string(),
  timezone: z.string(),
  manager: z.object({ name: z.string().nullable(), email: z.string().nullable() }),
  archived_at: z.string().nullable(),
  paused_at: z.string().nullable(),
  paused_until: instant.nullable(),
  paused_reason: z.string().nullable(),
  policy_version: z.number().int().nullable(),
  policy: z.unknown(),
});

const pulledSchema = z.object({ revision: z.number().int(), document: z.string() });

const pulledKeySchema = z.object({
  id: z.string(),
  developer: z.string(),
  tags: z.string(),
  enabled: z.number(),
  expires_at: instant.nullable(),
  revoked_at: z.string().nullable(),
});

const tagsSchema = z.record(z.string(), z.string());

function managerOf(manager: { name: string | null; email: string | null }): string | null {
  if (manager.name && manager.email) return `${manager.name} (${manager.email})`;
  return manager.name ?? manager.email;
}

/** Reads the stored document. Throws on one that cannot be read: spending without its policy is no alternative. */
function toConfiguration(revision: number, text: string): Configuration {
  const document = documentSchema.parse(JSON.parse(text));
  const { id, name, timezone, policy_version: version } = document;
  const configuration = {
    revision,
    costCenter: id,
    names: { name, timezone, manager: managerOf(document.manager) },
    archived: document.archived_at !== null,
    paused:
      document.paused_at === null
        ? null
        : { reason: document.paused_reason ?? 'no reason given', untilMs: document.paused_until },
  };
  if (version === null) return { ...configuration, policy: null };
  const context = { timezone, catalogue: builtinCatalogue, nowMs: 0, enforce: 'stored' as const };
  const parsed = parsePolicy(document.policy, context);
  if (!parsed.ok)
    throw new Error(`policy ${version} of ${id} cannot be read: ${JSON.stringify(parsed.error)}`);
  return { ...configuration, policy: { version, policy: parsed.value.policy } };
}

interface KeyRow extends Record<string, SqlStorageValue> {
  id: string;
  developer: string;
  tags: string;
  enabled: number;
  expires_at_ms: number | null;
  revoked: number;
}

function toVirtualKey(row: KeyRow): VirtualKey {
  return {
    id: row.id,
    developer: row.developer,
    tags: tagsSchema.parse(JSON.parse(row.tags)),
    enabled: row.enabled === 1,
    expiresAtMs: row.expires_at_ms,
    revoked: row.revoked === 1,
  };
}

export class ConfigurationCopy {
  readonly #storage: DurableObjectStorage;
  #current: Configuration | null;
  /** Keys read from the table so far; forgotten when a pull changes the table. */
  #keys = new Map<string, VirtualKey>();

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    const [row] = storage.sql
      .exec<{ revision: number; document: string }>('SELECT revision, document FROM configuration')
      .toArray();
    this.#current = row ? toConfiguration(row.revision, row.document) : null;
  }

  /** Null before the first pull. */
  current(): Configuration | null {
    return this.#current;
  }

  key(id: string): VirtualKey | null {
    const known = this.#keys.get(id);
    if (known) return known;
    const [row] = this.#storage.sql.exec<KeyRow>('SELECT * FROM virtual_keys WHERE id = ?', id).toArray();
    if (!row) return null;
    const key = toVirtualKey(row);
    this.#keys.set(id, key);
    return key;
  }

  /**
   * Pulls what changed since the copy's revision. Rejects where D1 is away; resolves to null where D1 has no
   * such cost center. An answer older than the copy changes nothing.
   */
  async pull(db: D1Database, costCenter: string): Promise<Configuration | null> {
    const known = this.#current?.revision ?? 0;
    const [configurations, keys] = await db.batch<unknown>([
      db
        .prepare('SELECT revision, document FROM wallet_configurations WHERE cost_center = ?')
        .bind(costCenter),
      db
        .prepare(
          'SELECT id, developer, tags, enabled, expires_at, revoked_at FROM virtual_keys WHERE cost_center = ? AND revision > ?',
        )
        .bind(costCenter, known),
    ]);
    const row = configurations?.results[0];
    if (row === undefined) return null;
    const { revision, document } = pulledSchema.parse(row);
    if (this.#current && revision <= this.#current.revision) return this.#current;
    const configuration = toConfiguration(revision, document);
    this.#keep(configuration, document, z.array(pulledKeySchema).parse(keys?.results ?? []));
    return configuration;
  }

  #keep(
    configuration: Configuration,
    document: string,
    keys: readonly z.infer<typeof pulledKeySchema>[],
  ): void {
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => {
      sql.exec('INSERT OR REPLACE INTO configuration VALUES (1, ?, ?)', configuration.revision, document);
      for (const key of keys) {
        sql.exec(
          'INSERT OR REPLACE INTO virtual_keys VALUES (?, ?, ?, ?, ?, ?)',
          key.id,
          key.developer,
          key.tags,
          key.enabled,
          key.expires_at,
          key.revoked_at === null ? 0 : 1,
        );
      }
    });
    this.#current = configuration;
    this.#keys = new Map();
  }
}
