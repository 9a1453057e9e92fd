export { Wallet } from '../durable-objects/wallet/wallet.ts';

import { app } from './app.ts';
import type { Env } from './bindings.ts';

export default { fetch: app.fetch } satisfies ExportedHandler<Env>;
