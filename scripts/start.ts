/**
 * `npm start`: the whole gateway on this machine, with D1, Durable Objects, a demo and nothing else to install.
 * stdout gets the banner; the Worker's own log and every problem go to stderr. Exits 1 where it cannot start,
 * 0 when it is stopped. Everything it started ends with it (see `process.on('exit')` in each part).
 */
import { join, resolve } from 'node:path';
import type { Result } from '../durable-objects/core/result.ts';
import { issueKey } from '../worker/auth/virtual-key.ts';
import type { KeySecret } from '../worker/bindings.ts';
import { buildWorker } from './bundle.ts';
import { connectAdminApi } from './local/admin-api.ts';
import { banner } from './local/banner.ts';
import { DEMO_COST_CENTER, ensureDemo } from './local/demo.ts';
import { openFront } from './local/front.ts';
import type { Gateway } from './local/gateway.ts';
import { type RunRecord, takeStateDir } from './local/run-record.ts';
import { makeSecret, openSecrets, saveSecrets } from './local/secrets.ts';
import { readSettings, type Settings, type Upstream } from './local/settings.ts';

// Before Miniflare listens for these: the first Ctrl-C ends the process, and with it all it started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(0));

const settings = orExit(readSettings(process.env), 'The environment is not right:');
await start({ ...settings, stateDir: resolve(settings.stateDir) });

async function start(settings: Settings): Promise<void> {
  const running = Promise.withResolvers<Gateway>();
  const front = orExit(await openFront(settings.port, async () => (await running.promise).address()));
  const record = orExit(await takeStateDir(settings.stateDir));
  process.on('exit', () => record.remove());

  const secrets = orExit(await openSecrets(settings.stateDir));
  const adminToken = settings.adminToken ?? secrets.adminToken ?? makeSecret();
  const { keySecret, signingKey } = secrets;
  const given = { adminToken, keySecret, signingKey, port: front.port };
  const gateway = await run(settings, given, record);
  const api = connectAdminApi(await gateway.address(), adminToken);
  const demoKeyId = await ensureDemo(api, { timezone: settings.timezone, knownKeyId: secrets.demoKeyId });
  const madeToken = settings.adminToken === null && secrets.adminToken === null;
  await saveSecrets(settings.stateDir, {
    ...secrets,
    demoKeyId,
    adminToken: madeToken ? adminToken : secrets.adminToken,
  });

  running.resolve(gateway);
  // Nobody waits for it; what becomes of it is in the Worker's log.
  gateway.runSchedule(hasKey(settings.upstream) ? 'hour' : 'five_minutes').catch(() => undefined);
  process.stdout.write(
    banner({
      port: front.port,
      upstream: settings.upstream,
      key: await issueKey(DEMO_COST_CENTER, demoKeyId, [keySecret]),
      stateDir: settings.stateDir,
      adminToken: madeToken
        ? { from: 'made', token: adminToken }
        : { from: settings.adminToken === null ? 'kept' : 'environment' },
    }),
  );
}

/** Builds the Worker, starts it and waits until it says that it is configured. */
async function run(
  settings: Settings,
  given: { adminToken: string; keySecret: KeySecret; signingKey: string; port: number },
  record: RunRecord,
): Promise<Gateway> {
  const bundleDir = join(settings.stateDir, 'bundle');
  // Miniflare and wrangler take as long to load as the Worker takes to build: both at once, and only now.
  const [built, { startGateway }] = await Promise.all([buildWorker(bundleDir), import('./local/gateway.ts')]);
  orExit(built, 'The Worker does not build:');
  const gateway = await startGateway({
    bundleDir,
    stateDir: settings.stateDir,
    bindings: {
      ...upstreamBindings(settings.upstream),
      ...settings.providing,
      ADMIN_TOKEN: given.adminToken,
      KEY_SECRETS: `${given.keySecret.generation}:${given.keySecret.secret}`,
      SIGNING_KEYS: `1:${given.signingKey}`,
      // The first steps stay easy: one person, and no second one to ask.
      POLICY_APPROVAL: 'off',
      PUBLIC_URL: `http://127.0.0.1:${given.port}`,
      ALERTS_ALLOW_PRIVATE: String(settings.alertsAllowPrivate),
      ...settings.identity,
    },
    onWorkerd: (pid) => record.noteWorkerd(pid),
  });
  const health = await fetch(new URL('/healthz', await gateway.address()));
  if (!health.ok) exitWith(`The Worker is not well (${health.status}): ${await health.text()}`);
  return gateway;
}

function upstreamBindings(upstream: Upstream): Record<string, string> {
  // Without effect where a list is given.
  if (upstream.provider !== 'anthropic') return { PROVIDER: 'simulator' };
  return {
    PROVIDER: 'anthropic',
    ANTHROPIC_UPSTREAM_URL: upstream.url,
    ANTHROPIC_API_KEY: upstream.apiKey,
  };
}

/** Whether there is an upstream with something to say of models, and a key to ask it with. */
function hasKey(upstream: Upstream): boolean {
  if (upstream.provider === 'listed') return upstream.asksModels;
  return upstream.provider === 'anthropic' && !upstream.placeholderKey;
}

function orExit<T>(result: Result<T, string>, about?: string): T {
  return result.ok
    ? result.value
    : exitWith(about === undefined ? result.error : `${about}\n${result.error}`);
}

function exitWith(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
