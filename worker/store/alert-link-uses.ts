/** Links in alerts that were acted on. A link's use commits with what it did, so that it does it once. */
import { eq, type SQL, sql } from 'drizzle-orm';
import { type Authorship, commitChange } from './change.ts';
import type { Database } from './database.ts';
import { alertLinkUses } from './tables.ts';

/** A link about to be acted on. */
export type LinkUse = Pick<typeof alertLinkUses.$inferSelect, 'id' | 'eventId' | 'costCenter' | 'action'>;

/** True while nobody has acted on the link. */
export function isUnused({ id }: LinkUse): SQL {
  return sql`NOT EXISTS (SELECT 1 FROM ${alertLinkUses} WHERE ${eq(alertLinkUses.id, id)})`;
}

/** The statement that records the use, for the batch of what it did. */
export function useOf(database: Database, link: LinkUse, { at, requestId }: Authorship) {
  return database.insert(alertLinkUses).values({ ...link, usedAt: at, requestId });
}

/** When the link was acted on (ISO 8601, UTC); null where nobody did. */
export async function usedAt(database: Database, id: string): Promise<string | null> {
  const [use] = await database.select().from(alertLinkUses).where(eq(alertLinkUses.id, id));
  return use?.usedAt ?? null;
}

/** Records that somebody saw the event and leaves it; false where the link was used before. */
export async function leaveAlert(
  database: Database,
  link: LinkUse,
  authorship: Authorship,
): Promise<boolean> {
  const { costCenter, eventId } = link;
  const revision = await commitChange(
    database,
    {
      costCenter,
      action: 'alert.leave',
      target: eventId,
      before: null,
      after: null,
      provided: isUnused(link),
      statements: [useOf(database, link, authorship)],
    },
    authorship,
  );
  return revision !== null;
}
