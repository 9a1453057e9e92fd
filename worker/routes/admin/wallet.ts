/** `/cost_centers/{id}/wallet`: the live standing of every budget and subject, asked of the wallet itself. */
import { createRoute, z } from '@hono/zod-openapi';
import { formatUsd, nanoUsd } from '../../../durable-objects/core/money.ts';
import { LIMIT_SCOPES, SCOPES, STAGE_ACTIONS } from '../../../durable-objects/core/policy/types.ts';
import type { RateView, StandingView } from '../../../durable-objects/wallet/rpc.ts';
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

const noLimit = z.number().int().nullable().openapi({ description: 'Null: without limit.' });

export const rateView = z.object({
  scope: z.enum(LIMIT_SCOPES),
  subject: z.string(),
  requests_last_minute: z
    .number()
    .int()
    .openapi({ description: 'Turns admitted within the last 60 seconds.' }),
  requests_per_minute: noLimit,
  tokens_last_minute: z.number().int().openapi({
    description: 'Prompt and output of those turns: billed, or expected while they run.',
  }),
  tokens_per_minute: noLimit,
  concurrent_turns: z.number().int(),
  concurrent_turns_limit: noLimit,
});

const walletView = z
  .object({
    budgets: z.array(budgetView),
    limits: z.array(rateView).openapi({
      description:
        'Limits besides money: of each scope that the live policy limits, the subjects with turns within the last minute or under way.',
    }),
    as_of: z.string(),
  })
  .openapi('Wallet');

export function viewOfRate(view: RateView): z.infer<typeof rateView> {
  return {
    scope: view.scope,
    subject: view.subject,
    requests_last_minute: view.requestsLastMinute,
    requests_per_minute: view.requestsPerMinute,
    tokens_last_minute: view.tokensLastMinute,
    tokens_per_minute: view.tokensPerMinute,
    concurrent_turns: view.concurrentTurns,
    concurrent_turns_limit: view.concurrentTurnsLimit,
  };
}

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
      const { budgets, limits, asOf } = view;
      const shown = { budgets: budgets.map(viewOfStanding), limits: limits.map(viewOfRate), as_of: asOf };
      return c.json(shown, 200);
    }),
);
