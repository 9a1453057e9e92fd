/** The cost centers of the week as a running gateway is told of them: budgets, a negotiated price, a key each. */
import { z } from 'zod';
import { type AdminApi, expectReply } from '../../../scripts/local/admin-api.ts';
import { type Squad, squadsOf } from '../../traffic/squads.ts';
import { eventually } from '../eventually.ts';

/** Two squads of five are the ten developers of the week. */
const SQUADS_OF_TEN = ['mobile-squad', 'support-squad'];
const DEVELOPERS_OF_TEN = 5;

/** Ten developers of two cost centers, or all sixty of five. */
export function weekSquads(seed: number, all: boolean): Squad[] {
  const squads = squadsOf(seed);
  if (all) return squads;
  return squads
    .filter(({ id }) => SQUADS_OF_TEN.includes(id))
    .map((squad) => ({ ...squad, developers: squad.developers.slice(0, DEVELOPERS_OF_TEN) }));
}

/** Limits per developer and traffic day, at a tenth of the tokens: the first squad passes all of its stages. */
const TIGHT_USD = 0.5;
const AMPLE_USD = 30;

function policyOf(squad: Squad, days: number, isTight: boolean) {
  const limit = (isTight ? TIGHT_USD : AMPLE_USD) * days * squad.developers.length;
  return {
    timezone: 'UTC',
    budgets: [
      { id: 'team-month', scope: 'cost_center', window: 'month', limit_usd: limit.toFixed(2) },
      { id: 'dev-month', scope: 'developer', window: 'month', limit_usd: limit.toFixed(2) },
    ],
  };
}

/** Makes all of it; the key's secret by developer. */
export async function makeSquads(
  api: AdminApi,
  squads: readonly Squad[],
  days: number,
): Promise<Map<string, string>> {
  const secrets = new Map<string, string>();
  for (const [index, squad] of squads.entries()) {
    const { id, name, timezone, manager } = squad;
    expectReply(await api.post('/cost_centers', { id, name, timezone, manager }), 201, z.unknown());
    const path = `/cost_centers/${id}`;
    const made = await api.post(`${path}/policies`, { policy: policyOf(squad, days, index === 0) });
    const { version } = expectReply(made, 201, z.object({ version: z.number() }));
    expectReply(await api.post(`${path}/policies/${version}/activate`, {}), 200, z.unknown());
    for (const { email, keyTags } of squad.developers) {
      const key = await api.post(`${path}/keys`, { developer: email, tags: keyTags });
      secrets.set(email, expectReply(key, 201, z.object({ secret: z.string() })).secret);
    }
  }
  return secrets;
}

/** Negotiates a discount and resolves once it is in force. */
export async function negotiateDiscount(api: AdminApi, percentOff: string): Promise<void> {
  const effectiveMs = Date.now() + 1_000;
  const made = await api.post('/price_overrides', {
    model: null,
    percent_off: percentOff,
    effective_from: new Date(effectiveMs).toISOString(),
    reason: 'the week',
  });
  expectReply(made, 201, z.unknown());
  await eventually('the discount', 10_000, () => (Date.now() > effectiveMs ? true : null));
}
