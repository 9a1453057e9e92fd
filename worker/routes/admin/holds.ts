/** `/cost_centers/{id}/holds`: the money set aside for turns in progress, and the end of one that ran away. */
import { createRoute, z } from '@hono/zod-openapi';
import { formatUsd, nanoUsd } from '../../../durable-objects/core/money.ts';
import type { HoldView } from '../../../durable-objects/wallet/rpc.ts';
import { recordAct } from '../../store/audit.ts';
import type { CostCenter } from '../../store/cost-centers.ts';
import { walletOf } from '../../store/wallets.ts';
import { callWallet } from '../../turn/wallet-call.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, ownerParams, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { reason } from './fields.ts';
import { withOwner } from './owner.ts';
import { ANSWER_WITHIN_MS } from './wallet.ts';

const holdView = z
  .object({
    turn_id: z.string(),
    attempt: z.number().int(),
    developer: z.string(),
    key_id: z.string(),
    session: z.string(),
    model: z.string(),
    held_usd: z.string(),
    opened_at: z.string(),
    lease_expires_at: z.string(),
  })
  .openapi('Hold');

function viewOfHold(hold: HoldView): z.infer<typeof holdView> {
  return {
    turn_id: hold.turnId,
    attempt: hold.attempt,
    developer: hold.developer,
    key_id: hold.keyId,
    session: hold.session,
    model: hold.model,
    held_usd: formatUsd(nanoUsd(hold.heldNanoUsd)),
    opened_at: hold.openedAt,
    lease_expires_at: hold.leaseExpiresAt,
  };
}

async function holdsOf(c: AdminContext, { id, jurisdiction }: CostCenter): Promise<HoldView[] | null> {
  return await callWallet(() => walletOf(c.get('bindings'), id, jurisdiction).holds(), ANSWER_WITHIN_MS);
}

export const holds = adminRouter();

holds.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/holds',
    request: { params: ownerParams },
    responses: { ...ERRORS, 200: answer(pageOfSchema(holdView), 'Every open hold, in one page.') },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async (owner) => {
      const open = await holdsOf(c, owner);
      if (!open) return fail(c.get('requestId'), { why: 'wallet_away' });
      return c.json({ data: open.map(viewOfHold), next_cursor: null }, 200);
    }),
);

const holdParams = ownerParams.extend({ turn_id: z.string() });
const ending = z.strictObject({ reason }).openapi('HoldEnding');

/** Records who ends the hold and why, then ends it: an act without its record would be worse than the reverse. */
async function endHold(c: AdminContext, owner: CostCenter, turnId: string, why: string): Promise<Response> {
  const requestId = c.get('requestId');
  const { id, jurisdiction } = owner;
  const open = await holdsOf(c, owner);
  if (!open) return fail(requestId, { why: 'wallet_away' });
  const hold = open.find((each) => each.turnId === turnId);
  if (!hold) return fail(requestId, { why: 'unknown', what: `open hold of turn ${turnId}` });
  const after = { reason: why, hold: viewOfHold(hold) };
  await recordAct(
    databaseOf(c),
    { action: 'hold.end', costCenter: id, target: turnId, after },
    authorshipOf(c),
  );
  const ended = await callWallet(
    () => walletOf(c.get('bindings'), id, jurisdiction).endHold(turnId, why),
    ANSWER_WITHIN_MS,
  );
  if (ended === null) return fail(requestId, { why: 'wallet_away' });
  // False: it was resolved in the meantime, by its own turn or by the first of two tries. It is gone either way.
  return c.body(null, 204);
}

holds.openapi(
  createRoute({
    method: 'delete',
    path: '/cost_centers/{id}/holds/{turn_id}',
    request: { params: holdParams, body: body(ending) },
    responses: { ...ERRORS, 204: { description: 'The hold is settled at the best figure known.' } },
  }),
  async (c) => {
    const { id, turn_id: turnId } = c.req.valid('param');
    return await withOwner(c, id, (owner) => endHold(c, owner, turnId, c.req.valid('json').reason));
  },
);
