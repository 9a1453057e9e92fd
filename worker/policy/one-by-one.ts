/** What is done by the clock for many cost centers: one that fails keeps none of the others waiting. */
import { isDatabaseAway } from '../store/database.ts';

/** Does `act` for each, in order; what fails is logged as `doing`. Rejects at once where D1 is away. */
export async function oneByOne<T extends { costCenter: string }>(
  doing: string,
  each: readonly T[],
  act: (one: T) => Promise<unknown>,
): Promise<void> {
  for (const one of each) {
    try {
      await act(one);
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      console.error({ message: `${doing} failed`, costCenter: one.costCenter, error: String(error) });
    }
  }
}
