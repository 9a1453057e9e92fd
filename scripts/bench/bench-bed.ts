/**
 * What is measured: an upstream, the bare pass-through and Bursar, each in a process of its own on this machine,
 * with a wallet whose budgets nothing here can fill.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { z } from 'zod';
import { buildWorker, listModules } from '../bundle.ts';
import { connectAdminApi, expectReply } from '../local/admin-api.ts';
import { makeSecret } from '../local/secrets.ts';
import { projectPath } from '../project.ts';
import { readWranglerConfig, type WranglerConfig } from '../wrangler-config.ts';
import {
  bareConfiguration,
  bursarConfiguration,
  type Compatibility,
  d1Configuration,
} from './configurations.ts';
import type { Target } from './load.ts';
import { startWorkerd, type WorkerdProcess } from './workerd.ts';

export interface BenchBed {
  direct: Target;
  bare: Target & { process: WorkerdProcess };
  bursar: Target & { process: WorkerdProcess };
}

const COST_CENTER = 'bench';
const LIMIT = '5000000.00';
const POLICY = {
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: LIMIT },
    { id: 'team-month', scope: 'cost_center', window: 'month', limit_usd: LIMIT },
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: LIMIT },
  ],
};

/** Builds and starts it all in `folder` (empty). Everything ends with this process. */
export async function makeBenchBed(folder: string): Promise<BenchBed> {
  const config = readWranglerConfig();
  const compatibility = { date: config.compatibility_date, flags: config.compatibility_flags };
  const upstream = await startUpstream();
  const bare = await startBare(join(folder, 'bare'), upstream, compatibility);
  const d1 = await startD1(join(folder, 'd1'), compatibility);
  const adminToken = makeSecret();
  const bursar = await startBursar(join(folder, 'bursar'), {
    config,
    compatibility,
    upstream,
    d1,
    adminToken,
  });
  const key = await makeKey(new URL(bursar.url), adminToken);
  return {
    direct: { name: 'direct', url: upstream, headers: {} },
    bare: { name: 'bare', url: bare.url, headers: {}, process: bare },
    bursar: { name: 'bursar', url: bursar.url, headers: { authorization: `Bearer ${key}` }, process: bursar },
  };
}

async function startUpstream(): Promise<string> {
  const child = spawn(process.execPath, [projectPath('scripts/bench/upstream.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  return `http://127.0.0.1:${String(line).trim()}`;
}

async function startBare(
  folder: string,
  upstream: string,
  compatibility: Compatibility,
): Promise<WorkerdProcess> {
  await writeModule(folder, 'bare-worker.ts');
  return startWorkerd('bare', folder, bareConfiguration(upstream, compatibility));
}

async function startD1(folder: string, compatibility: Compatibility): Promise<WorkerdProcess> {
  await writeModule(folder, 'd1-worker.ts');
  const d1 = await startWorkerd('d1', folder, d1Configuration(compatibility));
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

async function startBursar(
  folder: string,
  options: {
    config: WranglerConfig;
    compatibility: Compatibility;
    upstream: string;
    d1: WorkerdProcess;
    adminToken: string;
  },
): Promise<WorkerdProcess> {
  const built = await buildWorker(join(folder, 'bundle'));
  if (!built.ok) throw new Error(built.error);
  const modules = listModules(join(folder, 'bundle'));
  for (const each of modules) await copyFile(each.path, join(folder, each.name));
  return startWorkerd(
    'bursar',
    folder,
    bursarConfiguration({
      compatibility: options.compatibility,
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
      },
      modules,
    }),
  );
}

/** The Workers of the measurements have no imports but workerd's own: taking the types off is all they need. */
async function writeModule(folder: string, source: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const text = await readFile(projectPath(`scripts/bench/${source}`), 'utf8');
  await writeFile(join(folder, 'index.js'), stripTypeScriptTypes(text));
}

async function makeKey(base: URL, adminToken: string): Promise<string> {
  const api = connectAdminApi(base, adminToken);
  const center = {
    id: COST_CENTER,
    name: 'Bench',
    timezone: 'UTC',
    manager: { name: 'Nobody', email: 'nobody@example.com' },
  };
  expectReply(await api.post('/cost_centers', center), 201, z.unknown());
  const policy = await api.post(`/cost_centers/${COST_CENTER}/policies`, { policy: POLICY });
  const { version } = expectReply(policy, 201, z.object({ version: z.number() }));
  expectReply(
    await api.post(`/cost_centers/${COST_CENTER}/policies/${version}/activate`, {}),
    200,
    z.unknown(),
  );
  const key = await api.post(`/cost_centers/${COST_CENTER}/keys`, { developer: 'bench@example.com' });
  return expectReply(key, 201, z.object({ secret: z.string() })).secret;
}
