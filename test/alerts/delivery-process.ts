/** The Worker's delivery objects in a workerd of their own, which a test can kill, with their state on disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Log, LogLevel, Miniflare } from 'miniflare';
import type { AlertDelivery } from '../../durable-objects/alerts/delivery.ts';
import { SEAL_PURPOSE } from '../../durable-objects/alerts/routes-copy.ts';
import type { AlertDeliveryRpc } from '../../durable-objects/alerts/rpc.ts';
import type { SealingSecret } from '../../durable-objects/core/sealing-secret.ts';
import { seal } from '../../durable-objects/ledger/sealed.ts';
import { buildWorker } from '../../scripts/bundle.ts';
import { miniflareOptions } from '../../scripts/local/gateway.ts';
import { migrate } from '../../scripts/local/migrations.ts';
import { watchForWorkerd } from '../../scripts/local/watch-workerd.ts';
import { OFFLINE } from '../../scripts/wrangler.ts';

const SECRET: SealingSecret = { generation: 1, secret: 'test-secret-of-the-first-generation-0001' };

export interface DeliveryProcess {
  object(costCenter: string): Promise<AlertDeliveryRpc>;
  /** Writes a cost center with this document of routes; `secret` seals a credential for it. */
  writeRoutes(costCenter: string, document: object): Promise<void>;
  secret(text: string): Promise<string>;
  /** Kills workerd, as a crash would, and starts another on the same state. */
  kill(): Promise<void>;
  /** All that was logged, mail by the local binding among it. */
  log(): string;
  close(): Promise<void>;
}

/** `variables` are the deployment's, over those that wrangler.toml and this file give. */
export async function startDelivery(variables: Record<string, string>): Promise<DeliveryProcess> {
  Object.assign(process.env, OFFLINE);
  const stateDir = await mkdtemp(join(tmpdir(), 'bursar-alerts-'));
  const bundleDir = join(stateDir, 'bundle');
  const built = await buildWorker(bundleDir);
  if (!built.ok) throw new Error(built.error);
  let workerd: number | null = null;
  watchForWorkerd((pid) => {
    workerd = pid;
  });
  const log = new KeptLog(LogLevel.INFO);
  const start = () => {
    const bindings = {
      PROVIDER: 'simulator',
      ADMIN_TOKEN: 'test-admin-token-0001',
      KEY_SECRETS: `${SECRET.generation}:${SECRET.secret}`,
      ALERTS_ALLOW_PRIVATE: 'true',
      ...variables,
    };
    const options = miniflareOptions({ bundleDir, stateDir, bindings, onWorkerd: () => undefined });
    return new Miniflare({ ...options, log });
  };
  let miniflare = start();
  await migrate(await miniflare.getD1Database('DB'));
  return {
    async object(costCenter) {
      const namespace = await miniflare.getDurableObjectNamespace('ALERTS');
      const stub = namespace.get(namespace.idFromName(costCenter));
      return stub as unknown as DurableObjectStub<AlertDelivery>;
    },
    async writeRoutes(costCenter, document) {
      const db = await miniflare.getD1Database('DB');
      const at = '2026-01-01T00:00:00.000Z';
      await db
        .prepare(
          `INSERT INTO cost_centers (id, name, timezone, revision, created_at, updated_at) VALUES (?1, ?1, 'UTC', 1, ?2, ?2)`,
        )
        .bind(costCenter, at)
        .run();
      await db
        .prepare('INSERT INTO alert_routes VALUES (?, ?, 1, ?)')
        .bind(costCenter, JSON.stringify(document), at)
        .run();
    },
    secret: (text) => seal(text, SEAL_PURPOSE, SECRET, crypto.getRandomValues(new Uint8Array(12))),
    async kill() {
      if (workerd === null) throw new Error('no workerd was seen to start');
      process.kill(workerd, 'SIGKILL');
      await miniflare.dispose();
      miniflare = start();
      await miniflare.ready;
    },
    log: () => log.text,
    async close() {
      await miniflare.dispose();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

class KeptLog extends Log {
  text = '';

  override log(message: string): void {
    this.text += `${message}\n`;
  }
}
