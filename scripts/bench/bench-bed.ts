/**
 * What is measured: an upstream, the bare pass-through and Bursar, each in a process of its own on this machine,
 * with a wallet whose budgets nothing here can fill.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { z } from 'zod';
import { connectAdminApi, expectReply } from '../local/admin-api.ts';
import { makeSecret } from '../local/secrets.ts';
import { projectPath } from '../project.ts';
import { readWranglerConfig } from '../wrangler-config.ts';
import { bareConfiguration, type Compatibility } from './configurations.ts';
import { startBursar, startD1, writeModule } from './gateway.ts';
import type { Target } from './load.ts';
import { type CostCenter, providerBindings } from './ways.ts';
import { startWorkerd, type WorkerdProcess } from './workerd.ts';

export interface BenchBed {
  direct: Target;
  bare: Target & { process: WorkerdProcess };
  bursar: Target & { process: WorkerdProcess };
  /** Bursar with a key of each cost center. */
  costCenters: Record<CostCenter, Target>;
}

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
    heapMiB: null,
    bindings: providerBindings(upstream),
  });
  const target = async (id: CostCenter): Promise<Target> => {
    const key = await makeKey(new URL(bursar.url), adminToken, id);
    return { name: id, url: bursar.url, headers: { authorization: `Bearer ${key}` } };
  };
  const costCenters = {
    bench: await target('bench'),
    'bench-invoke': await target('bench-invoke'),
    'bench-mantle': await target('bench-mantle'),
    'bench-two': await target('bench-two'),
  };
  return {
    direct: { name: 'direct', url: upstream, headers: {} },
    bare: { name: 'bare', url: bare.url, headers: {}, process: bare },
    bursar: { ...costCenters.bench, name: 'bursar', process: bursar },
    costCenters,
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

async function makeKey(base: URL, adminToken: string, costCenter: CostCenter): Promise<string> {
  const api = connectAdminApi(base, adminToken);
  const center = {
    id: costCenter,
    name: 'Bench',
    timezone: 'UTC',
    manager: { name: 'Nobody', email: 'nobody@example.com' },
  };
  expectReply(await api.post('/cost_centers', center), 201, z.unknown());
  const policy = await api.post(`/cost_centers/${costCenter}/policies`, { policy: POLICY });
  const { version } = expectReply(policy, 201, z.object({ version: z.number() }));
  expectReply(
    await api.post(`/cost_centers/${costCenter}/policies/${version}/activate`, {}),
    200,
    z.unknown(),
  );
  const key = await api.post(`/cost_centers/${costCenter}/keys`, { developer: 'bench@example.com' });
  return expectReply(key, 201, z.object({ secret: z.string() })).secret;
}
