/** Has wallets take up a change that concerns every cost center. */
import type { Bindings } from '../../bindings.ts';
import { type CostCenter, listCostCenters } from '../../store/cost-centers.ts';
import { openDatabase } from '../../store/database.ts';
import { isConfirmed } from '../../turn/wallet-confirm.ts';

/** Wallets that are told at one time, and at once; a run may make 1,000 calls in all. */
const WALLETS_A_RUN = 500;
const WALLETS_AT_ONCE = 50;

/**
 * Has the wallets of cost centers pull their new revision now. That is for promptness alone: a wallet that is not
 * told (beyond the limit, or away) pulls by itself within minutes of its next turn, and writes its own alerts when it
 * does.
 */
export async function tellWallets(
  bindings: Bindings,
  isConcerned: (costCenter: CostCenter) => boolean,
): Promise<void> {
  const database = openDatabase(bindings.db);
  let after: string | null = null;
  for (let told = 0; told < WALLETS_A_RUN; told += WALLETS_AT_ONCE) {
    const page = await listCostCenters(database, { after, limit: WALLETS_AT_ONCE });
    const concerned = page.filter((each) => each.archivedAt === null && isConcerned(each));
    await Promise.all(concerned.map((each) => isConfirmed(bindings, each, each.revision)));
    if (page.length < WALLETS_AT_ONCE) return;
    after = page.at(-1)?.id ?? null;
  }
  console.info({ message: 'not every wallet was told of the change', told: WALLETS_A_RUN });
}
