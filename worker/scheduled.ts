/**
 * What the Worker does by the clock (`[triggers]` in wrangler.toml): refreshes what is known of models, has wallets
 * take up what changed, and holds the ledger against Anthropic's report and the wallets. Never throws: what failed
 * is logged, and the next run tries again.
 */
import { type Bindings, type Env, readBindings } from './bindings.ts';
import { reconcileUpstream } from './finance/reconcile-upstream.ts';
import { reconcileWalletsByTheClock } from './finance/reconcile-wallets.ts';
import { refreshModels } from './policy/model-refresh.ts';
import { createProvider } from './providers/create.ts';
import { isConfirmed } from './routes/admin/confirm.ts';
import { listCostCenters } from './store/cost-centers.ts';
import { openDatabase } from './store/database.ts';

/** Wallets that are told in one run, and at once; a run may make 1,000 calls in all. */
const WALLETS_A_RUN = 500;
const WALLETS_AT_ONCE = 50;

/** In the order they run, by the names the log calls them. */
const JOBS: Record<string, (bindings: Bindings, nowMs: number) => Promise<void>> = {
  'refresh of models': refresh,
  'reconciliation with Anthropic': reconcileReport,
  'reconciliation of wallets': reconcileWalletsByTheClock,
};

export async function scheduled(_controller: ScheduledController, env: Env): Promise<void> {
  const bindings = readBindings(env);
  if (!bindings.ok) {
    console.error({ message: bindings.error });
    return;
  }
  // One after the other: a job that fails keeps none of the others from running.
  for (const [job, run] of Object.entries(JOBS)) {
    try {
      await run(bindings.value, Date.now());
    } catch (error) {
      console.error({ message: 'a scheduled run failed', job, error: String(error) });
    }
  }
}

async function refresh(bindings: Bindings, nowMs: number): Promise<void> {
  const provider = await createProvider(bindings.provider);
  const isTurned = await refreshModels(provider, bindings, nowMs);
  if (isTurned) await tellWallets(bindings);
}

/** Days that are due; a run within a minute of another one leaves them to the next. */
async function reconcileReport({ db, costReport }: Bindings, nowMs: number): Promise<void> {
  if (costReport !== null) await reconcileUpstream({ db, costReport }, null, nowMs);
}

/**
 * Has wallets pull their new revision now. That is for promptness alone: a wallet that is not told (beyond the
 * limit, or away) pulls by itself within minutes of its next turn, and writes its own alerts when it does.
 */
async function tellWallets(bindings: Bindings): Promise<void> {
  const database = openDatabase(bindings.db);
  let after: string | null = null;
  for (let told = 0; told < WALLETS_A_RUN; told += WALLETS_AT_ONCE) {
    const page = await listCostCenters(database, { after, limit: WALLETS_AT_ONCE });
    const deciding = page.filter((each) => each.livePolicyVersion !== null && each.archivedAt === null);
    await Promise.all(deciding.map((each) => isConfirmed(bindings, each, each.revision)));
    if (page.length < WALLETS_AT_ONCE) return;
    after = page.at(-1)?.id ?? null;
  }
  console.info({ message: 'not every wallet was told of the models that turned', told: WALLETS_A_RUN });
}
