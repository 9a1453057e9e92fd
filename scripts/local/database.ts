/**
 * The local gateway's D1 without the gateway: the same files in the same layout, migrated, for scripts that work
 * on them while no gateway runs. Whoever opens it has taken the state folder before (run-record.ts).
 */
import { join } from 'node:path';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { unstable_readConfig } from 'wrangler';
import { projectPath } from '../project.ts';
import { OFFLINE } from '../wrangler.ts';
import { migrate } from './migrations.ts';
import { watchForWorkerd } from './watch-workerd.ts';

const BINDING = 'DB';

/** Of a `[[d1_databases]]` in wrangler.toml, whose types wrangler does not export. */
interface Bound {
  binding: string;
  database_id?: string;
}

export interface LocalDatabase {
  db: D1Database;
  /** Ends the workerd behind it. */
  close(): Promise<void>;
}

export async function openLocalDatabase(
  stateDir: string,
  onWorkerd: (pid: number) => void,
): Promise<LocalDatabase> {
  Object.assign(process.env, OFFLINE);
  watchForWorkerd(onWorkerd);
  const config = unstable_readConfig({ config: projectPath('wrangler.toml') }, { hideWarnings: true });
  const databaseId = config.d1_databases.find((each: Bound) => each.binding === BINDING)?.database_id;
  if (databaseId === undefined) throw new Error(`wrangler.toml binds no database as ${BINDING}`);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
      resourcePersistencePath: join(stateDir, 'v3'),
      modules: true,
      script: 'export default {};',
      d1Databases: { [BINDING]: databaseId },
    }),
  );
  const db = await miniflare.getD1Database(BINDING);
  await migrate(db);
  return { db, close: () => miniflare.dispose() };
}
