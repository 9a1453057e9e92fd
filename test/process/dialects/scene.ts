/** A gateway with providers of every kind, and teams that may use some of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type AdminApi, connectAdminApi, expectReply } from '../../../scripts/local/admin-api.ts';
import { BEDROCK_SECRETS } from '../../providers/bedrock/bedrock-scene.ts';
import { FAKE_REGION } from '../../providers/bedrock/fake-bedrock.ts';
import { ADMIN_TOKEN } from '../demo-ledger.ts';
import { eventually } from '../eventually.ts';
import { startGatewayProcess } from '../gateway-process.ts';
import { ANTHROPIC_KEY, type ScriptedProvider, startAnthropic, startBedrock } from './providers.ts';
import type { At, Speaker } from './speakers.ts';

const IN_LEDGER_WITHIN_MS = 10_000;

const entrySchema = z.looseObject({
  turn_id: z.string(),
  kind: z.string(),
  charged_nano_usd: z.number(),
  list_nano_usd: z.number(),
  estimated_why: z.string().nullable(),
  provider_instance: z.string().nullable(),
});
export type Entry = z.infer<typeof entrySchema>;

export interface Team extends Required<Pick<At, 'url' | 'key'>> {
  /** What the ledger has of it, once it has all of these turns. */
  entriesOf(turnIds: readonly string[]): Promise<Entry[]>;
  /** Resolves once none of its turns is under way. */
  idle(): Promise<void>;
}

/** Where a team may use several providers, sessions go to "first", and else to the first of the list: no other has a weight. */
export interface Scene {
  anthropic: ScriptedProvider;
  /** Behind "bedrock", "bedrock-dear" and "bedrock-mantle". */
  bedrock: ScriptedProvider;
  first: ScriptedProvider;
  team(policy: object): Promise<Team>;
  close(): Promise<void>;
}

export async function startScene(): Promise<Scene> {
  const stateDir = await mkdtemp(join(tmpdir(), 'bursar-dialects-'));
  const [anthropic, first, bedrock] = await Promise.all([startAnthropic(), startAnthropic(), startBedrock()]);
  const onBedrock = { region: FAKE_REGION, secret: 'AWS_KEYS', url: bedrock.url, weight: 0 };
  const providers = [
    { id: 'first', kind: 'anthropic', url: first.url },
    { id: 'bedrock', kind: 'bedrock', profile: 'eu', price_multiplier: '1', ...onBedrock },
    { id: 'bedrock-dear', kind: 'bedrock', profile: 'eu', ...onBedrock },
    { id: 'bedrock-mantle', kind: 'bedrock-mantle', price_multiplier: '1', ...onBedrock },
    { id: 'simulator', kind: 'simulator', weight: 0 },
    { id: 'anthropic', kind: 'anthropic', url: anthropic.url, weight: 0 },
  ];
  const { AWS_KEYS } = BEDROCK_SECRETS;
  const env = {
    ADMIN_TOKEN,
    AWS_KEYS,
    ANTHROPIC_API_KEY: ANTHROPIC_KEY,
    PROVIDERS: JSON.stringify(providers),
  };
  const gateway = await startGatewayProcess({ stateDir, env });
  const api = connectAdminApi(new URL(gateway.url), ADMIN_TOKEN);
  let count = 0;
  return {
    anthropic,
    bedrock,
    first,
    team: async (policy) => {
      count += 1;
      const id = `team-${count}`;
      const key = await makeTeam(api, id, { budgets: [], ...policy });
      return {
        url: gateway.url,
        key,
        entriesOf: (turnIds) => entriesOf(api, id, turnIds),
        idle: () => idle(api, id),
      };
    },
    async close() {
      await gateway.end('SIGINT');
      await Promise.all([anthropic, first, bedrock].map((provider) => provider.close()));
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** Its key. */
async function makeTeam(api: AdminApi, id: string, policy: object): Promise<string> {
  const manager = { name: 'Maria Manager', email: 'maria@example.com' };
  const center = { id, name: `Team ${id}`, timezone: 'UTC', manager };
  expectReply(await api.post('/cost_centers', center), 201, z.unknown());
  const path = `/cost_centers/${id}/policies`;
  const made = expectReply(await api.post(path, { policy }), 201, z.object({ version: z.number() }));
  expectReply(await api.post(`${path}/${made.version}/activate`, {}), 200, z.unknown());
  const key = await api.post(`/cost_centers/${id}/keys`, { developer: 'dev@example.com' });
  return expectReply(key, 201, z.object({ secret: z.string() })).secret;
}

async function entriesOf(api: AdminApi, id: string, turnIds: readonly string[]): Promise<Entry[]> {
  return await eventually('the entries', IN_LEDGER_WITHIN_MS, async () => {
    const reply = await api.get(`/ledger?cost_center=${id}&limit=500`);
    const { data } = expectReply(reply, 200, z.object({ data: z.array(entrySchema) }));
    const found = data.filter((each) => turnIds.includes(each.turn_id));
    return turnIds.every((turnId) => found.some((each) => each.turn_id === turnId)) ? found : null;
  });
}

async function idle(api: AdminApi, id: string): Promise<void> {
  const holds = z.object({ data: z.array(z.unknown()) });
  await eventually('an end of all turns', IN_LEDGER_WITHIN_MS, async () => {
    const { data } = expectReply(await api.get(`/cost_centers/${id}/holds`), 200, holds);
    return data.length === 0 ? true : null;
  });
}

/** The turn that the last request of a client was. */
export function lastTurn({ heads }: Speaker): string {
  return heads.at(-1)?.headers.get('x-bursar-turn-id') ?? '';
}

/** Who answered the last request of a client. */
export function lastProvider({ heads }: Speaker): string | null {
  return heads.at(-1)?.headers.get('x-bursar-provider') ?? null;
}
