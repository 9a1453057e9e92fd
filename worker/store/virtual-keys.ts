/**
 * Virtual keys: rows without secrets, their changes, and how the API and the audit log show them. A key's
 * revision is its cost center's at the key's last change: a wallet that has that revision has this key.
 */
import { and, asc, desc, eq, gt, isNull, type SQL, sql } from 'drizzle-orm';
import { type Authorship, commitChange, type Outcome, revisionOf, untilCommitted } from './change.ts';
import type { Database } from './database.ts';
import { virtualKeys } from './tables.ts';

export type VirtualKey = typeof virtualKeys.$inferSelect;

export type NewVirtualKey = Pick<
  VirtualKey,
  'id' | 'costCenter' | 'developer' | 'name' | 'tags' | 'allowedModels' | 'expiresAt'
>;

export type VirtualKeyEdit = Partial<
  Pick<VirtualKey, 'enabled' | 'tags' | 'allowedModels' | 'expiresAt' | 'revokedAt'>
>;

export function viewOfKey(row: Omit<VirtualKey, 'revision'>) {
  return {
    id: row.id,
    cost_center: row.costCenter,
    developer: row.developer,
    name: row.name,
    tags: row.tags,
    allowed_models: row.allowedModels,
    enabled: row.enabled,
    expires_at: row.expiresAt,
    revoked_at: row.revokedAt,
    replaces: row.replaces,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  };
}

function rowOf(fields: NewVirtualKey, replaces: string | null, at: string): Omit<VirtualKey, 'revision'> {
  const { id, costCenter, developer, name, tags, allowedModels, expiresAt } = fields;
  const states = { enabled: true, revokedAt: null, replaces, createdAt: at, updatedAt: at };
  return { id, costCenter, developer, name, tags, allowedModels, expiresAt, ...states };
}

/** Adds a key to a cost center that exists. */
export async function createKey(
  database: Database,
  fields: NewVirtualKey,
  authorship: Authorship,
): Promise<VirtualKey> {
  const { costCenter } = fields;
  const row = rowOf(fields, null, authorship.at);
  const revision = await commitChange(
    database,
    {
      costCenter,
      action: 'key.create',
      target: row.id,
      before: null,
      after: viewOfKey(row),
      provided: sql`TRUE`,
      statements: [database.insert(virtualKeys).values({ ...row, revision: revisionOf(costCenter) })],
    },
    authorship,
  );
  if (revision === null) throw new Error(`cost center ${costCenter} is gone`);
  return { ...row, revision };
}

function isKey(costCenter: string, id: string): SQL | undefined {
  return and(eq(virtualKeys.costCenter, costCenter), eq(virtualKeys.id, id));
}

export async function findKey(
  database: Database,
  costCenter: string,
  id: string,
): Promise<VirtualKey | null> {
  const [row] = await database.select().from(virtualKeys).where(isKey(costCenter, id));
  return row ?? null;
}

/** The key of this id, whosesoever it is. */
export async function findKeyById(database: Database, id: string): Promise<VirtualKey | null> {
  const [row] = await database.select().from(virtualKeys).where(eq(virtualKeys.id, id));
  return row ?? null;
}

/** Whether a developer has a key in a cost center that was not revoked. */
export async function hasKey(database: Database, costCenter: string, developer: string): Promise<boolean> {
  const { id } = virtualKeys;
  const isTheirs = and(
    eq(virtualKeys.costCenter, costCenter),
    eq(virtualKeys.developer, developer),
    isNull(virtualKeys.revokedAt),
  );
  return (await database.select({ id }).from(virtualKeys).where(isTheirs).limit(1)).length > 0;
}

/** Keys of a cost center in order of id, revoked ones included. */
export async function listKeys(
  database: Database,
  costCenter: string,
  page: { after: string | null; limit: number },
): Promise<VirtualKey[]> {
  const after = page.after === null ? undefined : gt(virtualKeys.id, page.after);
  return await database
    .select()
    .from(virtualKeys)
    .where(and(eq(virtualKeys.costCenter, costCenter), after))
    .orderBy(asc(virtualKeys.id))
    .limit(page.limit);
}

/** True while the key has not changed since it was read. */
function isUnchanged({ id, costCenter, revision }: VirtualKey): SQL {
  const row = and(isKey(costCenter, id), eq(virtualKeys.revision, revision));
  return sql`EXISTS (SELECT 1 FROM ${virtualKeys} WHERE ${row})`;
}

function updateOf(database: Database, row: VirtualKey) {
  const { id, costCenter, ...columns } = row;
  return database
    .update(virtualKeys)
    .set({ ...columns, revision: revisionOf(costCenter) })
    .where(isKey(costCenter, id));
}

/** Changes a key as `edit` says of its present row; an edit that changes nothing commits nothing. */
export async function changeKey(
  database: Database,
  target: { costCenter: string; id: string },
  change: { action: string; edit: (present: VirtualKey) => VirtualKeyEdit },
  authorship: Authorship,
): Promise<Outcome<VirtualKey>> {
  return await untilCommitted(async () => {
    const present = await findKey(database, target.costCenter, target.id);
    if (!present) return 'unknown';
    const changed = { ...present, ...change.edit(present) };
    const before = viewOfKey(present);
    if (JSON.stringify(before) === JSON.stringify(viewOfKey(changed))) return present;
    const row = { ...changed, updatedAt: authorship.at };
    const revision = await commitChange(
      database,
      {
        costCenter: target.costCenter,
        action: change.action,
        target: target.id,
        before,
        after: viewOfKey(row),
        provided: isUnchanged(present),
        statements: [updateOf(database, row)],
      },
      authorship,
    );
    return revision === null ? 'stale' : { ...row, revision };
  });
}

/** The key that last took this one's place in a rotation; null where none did. */
export async function findSuccessor(database: Database, key: VirtualKey): Promise<VirtualKey | null> {
  const [row] = await database
    .select()
    .from(virtualKeys)
    .where(and(eq(virtualKeys.costCenter, key.costCenter), eq(virtualKeys.replaces, key.id)))
    .orderBy(desc(virtualKeys.revision))
    .limit(1);
  return row ?? null;
}

export interface Rotation {
  /** The new key's id, and when it expires. */
  successor: Pick<VirtualKey, 'id' | 'expiresAt'>;
  /** When the old key expires. */
  endsAt: string;
}

/**
 * Gives `present` a successor that is alike in all but what the rotation says, and lets it expire. Null where
 * the key has changed since it was read.
 */
export async function rotateKey(
  database: Database,
  present: VirtualKey,
  rotation: Rotation,
  authorship: Authorship,
): Promise<VirtualKey | null> {
  const { costCenter } = present;
  const fresh = rowOf({ ...present, ...rotation.successor }, present.id, authorship.at);
  const successor = { ...fresh, enabled: present.enabled };
  const ending = { ...present, expiresAt: rotation.endsAt, updatedAt: authorship.at };
  const revision = await commitChange(
    database,
    {
      costCenter,
      action: 'key.rotate',
      target: present.id,
      before: viewOfKey(present),
      after: { ...viewOfKey(ending), successor: viewOfKey(successor) },
      provided: isUnchanged(present),
      statements: [
        database.insert(virtualKeys).values({ ...successor, revision: revisionOf(costCenter) }),
        updateOf(database, ending),
      ],
    },
    authorship,
  );
  return revision === null ? null : { ...successor, revision };
}
