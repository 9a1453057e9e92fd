/**
 * The Worker on this machine: the bundle that would be deployed, run by Miniflare with wrangler.toml's own
 * bindings and with its D1 and Durable Objects in the layout that wrangler's `--local` commands read.
 * It listens on loopback ports of its own; see front.ts for why nobody talks to it directly.
 */
import { join } from 'node:path';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type WorkerdStructuredLog } from 'miniflare';
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from 'wrangler';
import { listModules } from '../bundle.ts';
import { projectPath } from '../project.ts';
import { OFFLINE } from '../wrangler.ts';
import { migrate } from './migrations.ts';
import { watchForWorkerd } from './watch-workerd.ts';

const LOOPBACK = '127.0.0.1';
/** As wrangler.toml has them. */
const CRONS = { hour: '23 * * * *', five_minutes: '*/5 * * * *' };

export interface GatewayOptions {
  /** The folder with the built `index.js`. */
  bundleDir: string;
  stateDir: string;
  /** Vars and secrets, over those of wrangler.toml. */
  bindings: Record<string, string>;
  /** Told of every workerd as it starts: the first, and one after a crash. */
  onWorkerd(pid: number): void;
}

export interface Gateway {
  /** Where the Worker listens now; another port after a workerd that crashed. */
  address(): Promise<URL>;
  /** Runs what a cron would: none fires on this machine. Resolves when it is done, whatever it came to. */
  runSchedule(every: 'hour' | 'five_minutes'): Promise<void>;
}

/** Starts the Worker and resolves once it listens and D1 is migrated. It ends with this process, however that exits. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  Object.assign(process.env, OFFLINE);
  watchForWorkerd(options.onWorkerd);
  const miniflare = new Miniflare(miniflareOptions(options));
  await migrate(await miniflare.getD1Database('DB'));
  return {
    address: () => miniflare.unsafeGetDirectURL(),
    runSchedule: async (every) => {
      await (await miniflare.getWorker()).scheduled({ cron: CRONS[every] });
    },
  };
}

/** What Miniflare is started with. */
export function miniflareOptions(options: GatewayOptions) {
  const config = unstable_readConfig({ config: projectPath('wrangler.toml') }, { hideWarnings: true });
  // Secrets are given below, by name: wrangler must not look for them in .dev.vars, nor warn that they are missing.
  const {
    workerOptions: { modulesRules: _, ...workerOptions },
  } = unstable_getMiniflareWorkerOptions({ ...config, secrets: undefined });
  return convertV4MiniflareOptions({
    host: LOOPBACK,
    port: 0,
    cf: false,
    log: new Log(LogLevel.ERROR),
    handleStructuredLogs: writeLog,
    resourcePersistencePath: join(options.stateDir, 'v3'),
    workers: [
      {
        ...workerOptions,
        name: config.name ?? 'bursar',
        rootPath: options.bundleDir,
        modulesRoot: options.bundleDir,
        modules: listModules(options.bundleDir).map(({ type, path }) => ({ type, path })),
        bindings: Object.assign({}, workerOptions.bindings, options.bindings),
        // Mail is written to files, whose names are logged; none leaves this machine.
        email: { send_email: [{ name: 'EMAIL' }] },
        // A Worker that Miniflare puts behind outgoing requests, to hide a header that is never set here.
        stripCfConnectingIp: false,
        unsafeDirectSockets: [{ host: LOOPBACK, port: 0 }],
      },
    ],
  });
}

/** All that the Worker logs goes to stderr: stdout is the banner's. */
function writeLog(log: WorkerdStructuredLog): void {
  process.stderr.write(`[${log.level}] ${log.message}\n`);
}
