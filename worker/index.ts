export { AlertDelivery } from '../durable-objects/alerts/delivery.ts';
export { DryRun } from '../durable-objects/dry-runs/dry-run.ts';
export { Wallet } from '../durable-objects/wallet/wallet.ts';

import { app } from './app.ts';
import type { Env } from './bindings.ts';
import { scheduled } from './scheduled.ts';

export default { fetch: app.fetch, scheduled } satisfies ExportedHandler<Env>;
