/** `/cost_centers/{id}/wallet`: the live standing of every budget and subject, asked of the wallet itself. */
import { createRoute, z } from '@hono/zod-openapi';
import { formatUsd, nanoUsd } from '../../../durable-objects/core/money.ts';
import { SCOPES, STAGE_ACTIONS } from '../../../durable-objects/core/policy/types.ts';
import type { StandingView } from '../../../durable-objects/wallet/rpc.ts';
import { walletOf } from '../../store/wallets.ts';
import { callWallet } from '../../turn/wallet-call.ts';
import { adminRouter } from './context.ts';
import { answer, ERRORS, ownerParams } from './contract.ts';
import { fail } from './failures.ts';
import { withOwner } from './owner.ts';

export const ANSWER_WITHIN_MS = 3_000;

export const usd = z.string().openapi({ description: 'US dollars, a decimal string.', example: '85.20' });

export const budgetView = z.object({
  id: z.string(),
  scope: z.enum(SCOPES),
  subject: z.string(),
  line: z.string().nullable().openapi({ description: 'The line of models it counts; null: all.' }),
  window_start: z.string(),
  resets_at: z.string().nullable().openapi({ description: 'Null: it ends with its session.' }),
  limit_usd: usd,
  raised_usd: usd.openapi({ description: 'The part of `limit_usd` that raises in force add.' }),
  settled_usd: usd,
  held_usd: usd,
  utilization: z.number().openapi({ description: 'Settled money by the limit; 1 of a zero limit.' }),
  stage: z.enum(['none', ...STAGE_ACTIONS]),
});

const walletView = z.object({ budgets: z.array(budgetView), as_of: z.string() }).openapi('Wallet');

export function viewOfStanding(standing: StandingView): z.infer<typeof budgetView> {
  return {
    id: standing.id,
    scope: standing.scope,
    subject: standing.subject,
    line: standing.line,
    window_start: standing.windowStart,
    resets_at: standing.resetsAt,
    limit_usd: formatUsd(nanoUsd(standing.limitNanoUsd)),
    raised_usd: formatUsd(nanoUsd(standing.raisedNanoUsd)),
    settled_usd: formatUsd(nanoUsd(standing.settledNanoUsd)),
    held_usd: formatUsd(nanoUsd(standing.heldNanoUsd)),
    utilization: standing.utilization,
    stage: standing.stage,
  };
}

export const wallet = adminRouter();

wallet.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/wallet',
    request: { params: ownerParams },
    responses: { ...ERRORS, 200: answer(walletView, 'One item a budget and subject.') },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async ({ id, jurisdiction }) => {
      const view = await callWallet(
        () => walletOf(c.get('bindings'), id, jurisdiction).view(id),
        ANSWER_WITHIN_MS,
      );
      if (!view) return fail(c.get('requestId'), { why: 'wallet_away' });
      return c.json({ budgets: view.budgets.map(viewOfStanding), as_of: view.asOf }, 200);
    }),
);
