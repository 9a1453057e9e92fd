/** A team's ledger and wallet, asked of a running gateway; the demo team's unless another is named. */
import { z } from 'zod';
import { connectAdminApi, expectReply } from '../../scripts/local/admin-api.ts';
import { DEMO_COST_CENTER } from '../../scripts/local/demo.ts';

export const ADMIN_TOKEN = 'process-test-admin-token';

const entry = z.looseObject({
  turn_id: z.string(),
  kind: z.enum(['charge', 'correction', 'refusal', 'failure']),
  charged_nano_usd: z.number(),
  output_tokens: z.number(),
  estimated: z.boolean(),
  estimated_why: z.string().nullable(),
});
const budget = z.looseObject({ id: z.string(), settled_usd: z.string(), held_usd: z.string() });

export type LedgerEntry = z.infer<typeof entry>;

/** All entries of the team that the ledger has by now. */
export async function ledgerEntries(gatewayUrl: string, team = DEMO_COST_CENTER): Promise<LedgerEntry[]> {
  const api = connectAdminApi(new URL(gatewayUrl), ADMIN_TOKEN);
  const reply = await api.get(`/ledger?cost_center=${team}`);
  return expectReply(reply, 200, z.object({ data: z.array(entry) })).data;
}

/** The team's daily budget as the wallet has it now. */
export async function teamDay(gatewayUrl: string, team = DEMO_COST_CENTER): Promise<z.infer<typeof budget>> {
  const api = connectAdminApi(new URL(gatewayUrl), ADMIN_TOKEN);
  const reply = await api.get(`/cost_centers/${team}/wallet`);
  const { budgets } = expectReply(reply, 200, z.object({ budgets: z.array(budget) }));
  const found = budgets.find((each) => each.id === 'team-day');
  if (found === undefined) throw new Error('the wallet shows no team-day');
  return found;
}
