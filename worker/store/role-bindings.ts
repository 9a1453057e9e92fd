/** Role bindings: which role somebody has by what an identity provider says of them. */
import { and, desc, eq, isNotNull, isNull, lt, or, type SQL, sql } from 'drizzle-orm';
import { timeOrderedId } from '../../durable-objects/ledger/time-ordered-id.ts';
import { type Authorship, commitForOrganisation } from './change.ts';
import { type Database, violates } from './database.ts';
import { roleBindings } from './identity-tables.ts';
import { costCenters } from './tables.ts';

export type RoleBinding = typeof roleBindings.$inferSelect;

export type NewRoleBinding = Omit<RoleBinding, 'id' | 'createdBy' | 'createdAt'>;

/** What an identity provider says of somebody. */
export interface Claims {
  issuer: string;
  subject: string;
  /** In lower case; null where it was not verified. */
  email: string | null;
  groups: readonly string[];
}

/** A role that somebody has in a cost center (null: everywhere), and whether it is by being its manager. */
export interface HeldRole {
  role: string;
  costCenter: string | null;
  isOfManager: boolean;
}

export function viewOfRoleBinding(row: RoleBinding) {
  return {
    id: row.id,
    by: row.by,
    issuer: row.issuer,
    value: row.value,
    role: row.role,
    cost_center: row.costCenter,
    created_by: row.createdBy,
    created_at: row.createdAt,
  };
}

function isSaidBy({ issuer, subject, email, groups }: Claims): SQL | undefined {
  const { by, value } = roleBindings;
  // One parameter however many groups there are.
  const isGroup = sql`${value} IN (SELECT value FROM json_each(${JSON.stringify(groups)}))`;
  return and(
    or(isNull(roleBindings.issuer), eq(roleBindings.issuer, issuer)),
    or(
      and(eq(by, 'subject'), isNotNull(roleBindings.issuer), eq(value, subject)),
      email === null ? undefined : and(eq(by, 'email'), eq(value, email)),
      and(eq(by, 'group'), isGroup),
    ),
  );
}

/** The roles of whoever has these claims: by bindings, and as the manager of cost centers. */
export async function rolesOf(database: Database, claims: Claims): Promise<HeldRole[]> {
  const bindings = database
    .select({ role: roleBindings.role, costCenter: roleBindings.costCenter })
    .from(roleBindings)
    .where(isSaidBy(claims))
    .orderBy(roleBindings.id);
  const managed = database
    .select({ id: costCenters.id })
    .from(costCenters)
    .where(claims.email === null ? sql`0` : eq(sql`lower(${costCenters.managerEmail})`, claims.email))
    .orderBy(costCenters.id);
  const [bound, own] = await database.batch([bindings, managed]);
  return [
    ...bound.map((each) => ({ ...each, isOfManager: false })),
    ...own.map(({ id }) => ({ role: 'manager', costCenter: id, isOfManager: true })),
  ];
}

/** Adds a binding; null where the very same one is there already. */
export async function createRoleBinding(
  database: Database,
  fields: NewRoleBinding,
  authorship: Authorship,
): Promise<RoleBinding | null> {
  const { actor, at } = authorship;
  const id = `role_${timeOrderedId(Date.parse(at))}`;
  const row: RoleBinding = { ...fields, id, createdBy: actor, createdAt: at };
  const change = {
    action: 'role_binding.create',
    target: id,
    before: null,
    after: viewOfRoleBinding(row),
    provided: sql`1`,
    statements: [database.insert(roleBindings).values(row)],
  };
  try {
    await commitForOrganisation(database, change, authorship);
    return row;
  } catch (error) {
    if (violates(error, 'UNIQUE constraint failed: index')) return null;
    throw error;
  }
}

/** Newest first; `after` is the id of the last one seen. */
export async function listRoleBindings(
  database: Database,
  page: { after: string | null; limit: number },
): Promise<RoleBinding[]> {
  return await database
    .select()
    .from(roleBindings)
    .where(page.after === null ? undefined : lt(roleBindings.id, page.after))
    .orderBy(desc(roleBindings.id))
    .limit(page.limit);
}

/** Takes a binding away; false where there is none of that id. */
export async function deleteRoleBinding(
  database: Database,
  id: string,
  authorship: Authorship,
): Promise<boolean> {
  const isIt = eq(roleBindings.id, id);
  const [present] = await database.select().from(roleBindings).where(isIt);
  if (!present) return false;
  const change = {
    action: 'role_binding.delete',
    target: id,
    before: viewOfRoleBinding(present),
    after: null,
    provided: sql`EXISTS (SELECT 1 FROM ${roleBindings} WHERE ${isIt})`,
    statements: [database.delete(roleBindings).where(isIt)],
  };
  return await commitForOrganisation(database, change, authorship);
}
