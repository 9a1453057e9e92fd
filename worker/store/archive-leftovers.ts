/**
 * Objects in the bucket that are no segment's (migration 0011): begun and not in the books yet, or replaced. Each is
 * kept in mind until it is deleted. Times are the database's own: no Worker's clock says when one may go.
 */

const NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
/** A segment takes this row away when it takes the object. */
const UNTIL = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+15 minutes')";

/** Keeps an object in mind that is about to be written; should nothing come of it, it goes after a quarter of an hour. */
export async function noteObject(db: D1Database, objectKey: string): Promise<void> {
  const query = `INSERT INTO archive_leftovers (object_key, not_before) VALUES (?1, ${UNTIL})`;
  await db.prepare(query).bind(objectKey).run();
}

/** Keys of objects that can be deleted now; from here on no segment can have them. */
export async function claimLeftovers(db: D1Database, limit: number): Promise<string[]> {
  const { results } = await db
    .prepare(
      `UPDATE archive_leftovers SET claimed = 1 WHERE object_key IN (
         SELECT object_key FROM archive_leftovers WHERE claimed = 1 OR not_before <= ${NOW} LIMIT ?1
       ) RETURNING object_key AS objectKey`,
    )
    .bind(limit)
    .all<{ objectKey: string }>();
  return results.map(({ objectKey }) => objectKey);
}

/** Forgets objects that were claimed and are deleted. */
export async function forgetLeftovers(db: D1Database, objectKeys: readonly string[]): Promise<void> {
  const query =
    'DELETE FROM archive_leftovers WHERE claimed = 1 AND object_key IN (SELECT value FROM json_each(?1))';
  await db.prepare(query).bind(JSON.stringify(objectKeys)).run();
}

/** How many there are. */
export async function countLeftovers(db: D1Database): Promise<number> {
  return (await db.prepare('SELECT count(*) AS n FROM archive_leftovers').first<number>('n')) ?? 0;
}
