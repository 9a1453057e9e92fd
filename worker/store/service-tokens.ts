/** Service tokens: the rows, without the secrets, which are kept nowhere. */
import { and, desc, eq, isNull, lt, sql } from 'drizzle-orm';
import { type Authorship, commitForOrganisation } from './change.ts';
import { type Database, violates } from './database.ts';
import { serviceTokens } from './identity-tables.ts';

export type ServiceToken = typeof serviceTokens.$inferSelect;

export type NewServiceToken = Omit<ServiceToken, 'revokedAt' | 'createdBy' | 'createdAt'>;

/** As the API and the audit log show it: nothing of the secret, not even its digest. */
export function viewOfServiceToken(row: ServiceToken) {
  return {
    id: row.id,
    name: row.name,
    scopes: [...row.scopes],
    cost_centers: row.costCenters === null ? null : [...row.costCenters],
    expires_at: row.expiresAt,
    revoked_at: row.revokedAt,
    created_by: row.createdBy,
    created_at: row.createdAt,
  };
}

export async function findServiceToken(database: Database, id: string): Promise<ServiceToken | null> {
  const [row] = await database.select().from(serviceTokens).where(eq(serviceTokens.id, id));
  return row ?? null;
}

/** Adds a token; null where one of that name is in use. */
export async function createServiceToken(
  database: Database,
  fields: NewServiceToken,
  authorship: Authorship,
): Promise<ServiceToken | null> {
  const { actor, at } = authorship;
  const row: ServiceToken = { ...fields, revokedAt: null, createdBy: actor, createdAt: at };
  const change = {
    action: 'service_token.create',
    target: row.id,
    before: null,
    after: viewOfServiceToken(row),
    provided: sql`1`,
    statements: [database.insert(serviceTokens).values(row)],
  };
  try {
    await commitForOrganisation(database, change, authorship);
    return row;
  } catch (error) {
    if (violates(error, 'UNIQUE constraint failed: service_tokens.name')) return null;
    throw error;
  }
}

/** In order of id from the last one on, revoked ones too; `after` is the id of the last one seen. */
export async function listServiceTokens(
  database: Database,
  page: { after: string | null; limit: number },
): Promise<ServiceToken[]> {
  return await database
    .select()
    .from(serviceTokens)
    .where(page.after === null ? undefined : lt(serviceTokens.id, page.after))
    .orderBy(desc(serviceTokens.id))
    .limit(page.limit);
}

/** Revokes a token for good. One that was revoked before stays as it is; false where there is none of that id. */
export async function revokeServiceToken(
  database: Database,
  id: string,
  authorship: Authorship,
): Promise<boolean> {
  const present = await findServiceToken(database, id);
  if (!present) return false;
  if (present.revokedAt !== null) return true;
  const revoked = { ...present, revokedAt: authorship.at };
  const isInUse = and(eq(serviceTokens.id, id), isNull(serviceTokens.revokedAt));
  const change = {
    action: 'service_token.revoke',
    target: id,
    before: viewOfServiceToken(present),
    after: viewOfServiceToken(revoked),
    provided: sql`EXISTS (SELECT 1 FROM ${serviceTokens} WHERE ${isInUse})`,
    statements: [database.update(serviceTokens).set({ revokedAt: authorship.at }).where(isInUse)],
  };
  // Not committed: somebody else revoked it in between, and said so.
  await commitForOrganisation(database, change, authorship);
  return true;
}
