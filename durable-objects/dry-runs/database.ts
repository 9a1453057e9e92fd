/** D1, as the job asks it: an answer that does not come is a reason to wait, and no failure. */

/** D1 did not answer, or could not. */
export class DatabaseAway extends Error {}

/** Runs statements in one transaction. Rejects with DatabaseAway. */
export async function ask(
  db: D1Database,
  statements: readonly D1PreparedStatement[],
): Promise<readonly (readonly unknown[])[]> {
  try {
    const answers = await db.batch<unknown>([...statements]);
    return answers.map(({ results }) => results);
  } catch (error) {
    throw new DatabaseAway(String(error), { cause: error });
  }
}
