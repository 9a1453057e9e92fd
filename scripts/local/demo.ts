/**
 * The demo: one cost center with a live policy and one key, made through the admin API as an admin would.
 * Each part is made only where it is missing, so that a start that was interrupted is completed by the next
 * and what a person has changed since stays.
 */
import { z } from 'zod';
import { type AdminApi, expectReply } from './admin-api.ts';

export const DEMO_COST_CENTER = 'platform-squad';
export const DEMO_DEVELOPER = 'you@example.com';

const DEMO_POLICY = {
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '500.00' },
    { id: 'team-month', scope: 'cost_center', window: 'month', limit_usd: '8000.00' },
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '60.00' },
  ],
};

/**
 * Makes what is missing; returns the demo key's id, which is `knownKeyId` as long as that key exists.
 * `timezone` is the one in which its days begin. Throws where the gateway refuses.
 */
export async function ensureDemo(
  api: AdminApi,
  options: { timezone: string; knownKeyId: string | null },
): Promise<string> {
  const isNew = await ensureCostCenter(api, options.timezone);
  await ensurePolicy(api);
  const known = isNew ? null : options.knownKeyId;
  return known ?? createKey(api);
}

async function ensureCostCenter(api: AdminApi, timezone: string): Promise<boolean> {
  const found = await api.get(`/cost_centers/${DEMO_COST_CENTER}`);
  if (found.status === 200) return false;
  const created = await api.post('/cost_centers', {
    id: DEMO_COST_CENTER,
    name: 'Platform squad',
    timezone,
    manager: { name: 'Demo manager', email: 'manager@example.com' },
  });
  expectReply(created, 201, z.unknown());
  return true;
}

async function ensurePolicy(api: AdminApi): Promise<void> {
  const path = `/cost_centers/${DEMO_COST_CENTER}/policies`;
  const found = expectReply(
    await api.get(path),
    200,
    z.object({ data: z.array(z.object({ version: z.number(), state: z.string() })) }),
  );
  const newest = found.data.reduce((version, each) => Math.max(version, each.version), 0);
  if (found.data.some((each) => each.state === 'live')) return;
  const version = newest || (await createPolicy(api, path));
  expectReply(await api.post(`${path}/${version}/activate`, {}), 200, z.unknown());
}

async function createPolicy(api: AdminApi, path: string): Promise<number> {
  const created = await api.post(path, { policy: DEMO_POLICY });
  return expectReply(created, 201, z.object({ version: z.number() })).version;
}

async function createKey(api: AdminApi): Promise<string> {
  const created = await api.post(`/cost_centers/${DEMO_COST_CENTER}/keys`, {
    developer: DEMO_DEVELOPER,
    name: 'demo',
  });
  return expectReply(created, 201, z.object({ id: z.string() })).id;
}
