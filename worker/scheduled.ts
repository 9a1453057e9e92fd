/**
 * What the Worker does by the clock (`[triggers]` in wrangler.toml): follows scheduled policies every few minutes; and
 * every hour publishes list prices, refreshes what is known of models, has wallets take up what changed, looks after
 * dry runs, and does what finance does daily. Never throws: what failed is logged, and the next run tries again.
 */
import { builtinCatalogue } from '../durable-objects/core/catalogue/models.ts';
import { type Bindings, type Env, readBindings } from './bindings.ts';
import { runFinance } from './finance/daily.ts';
import { keepDryRuns } from './policy/dry-run-upkeep.ts';
import { refreshModels } from './policy/model-refresh.ts';
import { handOverPending } from './policy/pending-requests.ts';
import { followSchedules } from './policy/schedule.ts';
import { signLegacyVersions } from './policy/signing.ts';
import { followTrips } from './policy/trips.ts';
import { createProviders } from './providers/create.ts';
import { tellWallets } from './routes/admin/tell-wallets.ts';
import { openDatabase } from './store/database.ts';
import { publishListPrices } from './store/list-prices.ts';

/** The cron of what must not wait for an hour, as wrangler.toml has it. */
const FREQUENT_CRON = '*/5 * * * *';

export async function scheduled(controller: ScheduledController, env: Env): Promise<void> {
  const bindings = readBindings(env);
  if (!bindings.ok) {
    console.error({ message: bindings.error });
    return;
  }
  await runJobs(bindings.value, [followGuards, followPolicySchedules, signPolicies]);
  if (controller.cron === FREQUENT_CRON) return;
  await runJobs(bindings.value, [publishPrices, lookAtModels, handOverRequests, lookAfterDryRuns]);
  await runFinance(bindings.value, Date.now());
}

async function runJobs(
  bindings: Bindings,
  jobs: readonly ((bindings: Bindings) => Promise<void>)[],
): Promise<void> {
  for (const job of jobs) {
    try {
      await job(bindings);
    } catch (error) {
      console.error({ message: 'a scheduled run failed', job: job.name, error: String(error) });
    }
  }
}

/** D1 follows the wallets, which start scheduled policies by themselves. */
async function followPolicySchedules(bindings: Bindings): Promise<void> {
  await followSchedules(openDatabase(bindings.db), bindings, new Date().toISOString());
}

/** Policies from before versions were signed get their signatures. */
async function signPolicies({ db, signingKeys }: Bindings): Promise<void> {
  await signLegacyVersions(openDatabase(db), signingKeys, new Date().toISOString());
}

/** Increase requests whose delivery was away when they were made are told of now; the others are known there. */
async function handOverRequests(bindings: Bindings): Promise<void> {
  await handOverPending(bindings, new Date().toISOString());
}

async function lookAfterDryRuns(bindings: Bindings): Promise<void> {
  await keepDryRuns(bindings, Date.now());
}

/** Versions whose guard tripped are taken back in D1 too. */
async function followGuards({ db }: Bindings): Promise<void> {
  await followTrips(openDatabase(db), new Date().toISOString());
}

/** Puts the list prices that this deployment brought into D1, once. */
async function publishPrices({ db }: Bindings): Promise<void> {
  await publishListPrices(openDatabase(db), builtinCatalogue, new Date().toISOString());
}

async function lookAtModels(bindings: Bindings): Promise<void> {
  const providers = await createProviders(bindings.providers);
  // Bedrock lists no models.
  const provider = providers.find(({ name }) => name === 'anthropic') ?? providers[0];
  const isTurned = await refreshModels(provider, bindings, Date.now());
  // Only policies name models.
  if (isTurned) await tellWallets(bindings, ({ livePolicyVersion }) => livePolicyVersion !== null);
}
