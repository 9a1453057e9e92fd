/** Bursar and its D1 for the measurements, each in a workerd of its own. */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { z } from 'zod';
import { buildWorker, listModules } from '../bundle.ts';
import { makeSecret } from '../local/secrets.ts';
import { projectPath } from '../project.ts';
import type { WranglerConfig } from '../wrangler-config.ts';
import { bursarConfiguration, type Compatibility, d1Configuration } from './configurations.ts';
import { startWorkerd, type WorkerdProcess } from './workerd.ts';

/** A migrated D1 in `folder` (empty). */
export async function startD1(folder: string, compatibility: Compatibility): Promise<WorkerdProcess> {
  await writeModule(folder, 'd1-worker.ts');
  const d1 = await openD1(folder, compatibility);
  const migrations = (await readdir(projectPath('migrations')))
    .filter((name) => name.endsWith('.sql'))
    .sort();
  for (const name of migrations) {
    const sql = await readFile(projectPath(`migrations/${name}`), 'utf8');
    const reply = await fetch(`${d1.url}/query`, { method: 'POST', body: JSON.stringify({ sql }) });
    z.object({ success: z.literal(true) }).parse(await reply.json());
  }
  return d1;
}

/** The D1 that is in `folder` already. */
export async function openD1(folder: string, compatibility: Compatibility): Promise<WorkerdProcess> {
  return await startWorkerd('d1', folder, d1Configuration(compatibility));
}

export interface BursarOptions {
  config: WranglerConfig;
  compatibility: Compatibility;
  upstream: string;
  d1: WorkerdProcess;
  adminToken: string;
  /** See BursarConfiguration. */
  heapMiB: number | null;
  /** Vars and secrets besides those every gateway here has. */
  bindings?: Record<string, string>;
}

/** The Worker as it would be deployed, built into `folder`. */
export async function startBursar(folder: string, options: BursarOptions): Promise<WorkerdProcess> {
  const built = await buildWorker(join(folder, 'bundle'));
  if (!built.ok) throw new Error(built.error);
  const modules = listModules(join(folder, 'bundle'));
  for (const each of modules) await copyFile(each.path, join(folder, each.name));
  return startWorkerd(
    'bursar',
    folder,
    bursarConfiguration({
      compatibility: options.compatibility,
      heapMiB: options.heapMiB,
      d1Address: new URL(options.d1.url).host,
      durableObjects: new Map(
        options.config.durable_objects.bindings.map((each) => [each.name, each.class_name]),
      ),
      bindings: {
        PROVIDER: 'anthropic',
        ANTHROPIC_UPSTREAM_URL: options.upstream,
        ANTHROPIC_API_KEY: 'bench',
        ANTHROPIC_VERSION: '2023-06-01',
        ADMIN_TOKEN: options.adminToken,
        KEY_SECRETS: `1:${makeSecret()}`,
        SIGNING_KEYS: `1:${makeSecret()}`,
        POLICY_APPROVAL: 'off',
        ...options.bindings,
      },
      modules,
    }),
  );
}

/** The Workers of the measurements have no imports but workerd's own: taking the types off is all they need. */
export async function writeModule(folder: string, source: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const text = await readFile(projectPath(`scripts/bench/${source}`), 'utf8');
  await writeFile(join(folder, 'index.js'), stripTypeScriptTypes(text));
}
