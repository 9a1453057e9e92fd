/** The wallet's copy of its cost center's virtual keys: who they belong to, and whether they still may. */
import { z } from 'zod';
import { type Renaming, withPseudonym } from '../core/pseudonym.ts';
import type { CopiedTable } from './configuration-copy.ts';

export interface VirtualKey {
  id: string;
  developer: string;
  tags: Record<string, string>;
  /** The only models it may use, as the catalogue names them; null: every one that the policy allows. */
  allowedModels: string[] | null;
  enabled: boolean;
  expiresAtMs: number | null;
  revoked: boolean;
}

const pulledSchema = z.object({
  id: z.string(),
  developer: z.string(),
  tags: z.string(),
  enabled: z.number(),
  expires_at: z.iso
    .datetime({ offset: true })
    .transform((text) => Date.parse(text))
    .nullable(),
  revoked_at: z.string().nullable(),
  allowed_models: z.string().nullable(),
});

const tagsSchema = z.record(z.string(), z.string());
const modelsSchema = z.array(z.string());

interface KeyRow extends Record<string, SqlStorageValue> {
  id: string;
  developer: string;
  tags: string;
  enabled: number;
  expires_at_ms: number | null;
  revoked: number;
  allowed_models: string | null;
}

function toVirtualKey(row: KeyRow): VirtualKey {
  return {
    id: row.id,
    developer: row.developer,
    tags: tagsSchema.parse(JSON.parse(row.tags)),
    enabled: row.enabled === 1,
    expiresAtMs: row.expires_at_ms,
    revoked: row.revoked === 1,
    allowedModels: row.allowed_models === null ? null : modelsSchema.parse(JSON.parse(row.allowed_models)),
  };
}

export class VirtualKeys implements CopiedTable {
  readonly query =
    'SELECT id, developer, tags, enabled, expires_at, revoked_at, allowed_models FROM virtual_keys WHERE cost_center = ? AND revision > ?';
  readonly #sql: SqlStorage;
  /** Keys read from the table so far. */
  #keys = new Map<string, VirtualKey>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(id: string): VirtualKey | null {
    const known = this.#keys.get(id);
    if (known) return known;
    const [row] = this.#sql.exec<KeyRow>('SELECT * FROM virtual_keys WHERE id = ?', id).toArray();
    if (!row) return null;
    const key = toVirtualKey(row);
    this.#keys.set(id, key);
    return key;
  }

  keep(rows: readonly unknown[]): void {
    for (const key of z.array(pulledSchema).parse(rows)) {
      this.#sql.exec(
        `INSERT OR REPLACE INTO virtual_keys (id, developer, tags, enabled, expires_at_ms, revoked, allowed_models)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
        key.id,
        key.developer,
        key.tags,
        key.enabled,
        key.expires_at,
        key.revoked_at === null ? 0 : 1,
        key.allowed_models,
      );
    }
  }

  rename({ developer, pseudonym }: Renaming): void {
    const query = 'SELECT * FROM virtual_keys WHERE developer = ?';
    for (const row of this.#sql.exec<KeyRow>(query, developer).toArray()) {
      const { tags } = withPseudonym({ tags: toVirtualKey(row).tags }, { developer, pseudonym });
      const update = 'UPDATE virtual_keys SET developer = ?, tags = ? WHERE id = ?';
      this.#sql.exec(update, pseudonym, JSON.stringify(tags), row.id);
    }
    this.reload();
  }

  reload(): void {
    this.#keys = new Map();
  }
}
