/** `/cost_centers/{id}/exempt`: for an incident no budget stands in the way, until an instant that is not far off. */
import { createRoute, z } from '@hono/zod-openapi';
import { changeCostCenter } from '../../store/cost-centers.ts';
import { adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, ownerParams } from './contract.ts';
import { costCenterView } from './cost-center-contract.ts';
import { replyWithCostCenter } from './cost-center-reply.ts';
import { futureInstant, reason } from './fields.ts';

const MAX_DAYS = 31;

const exemption = z
  .strictObject({
    reason,
    until: futureInstant.refine(
      (text) => Date.parse(text) <= Date.now() + MAX_DAYS * 86_400_000,
      `expected an instant in at most ${MAX_DAYS} days`,
    ),
  })
  .openapi('Exemption');

export const exemptions = adminRouter();

exemptions.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/exempt',
    request: { params: ownerParams, body: body(exemption) },
    responses: { ...ERRORS, 200: answer(costCenterView, 'The cost center as it is now.') },
  }),
  async (c) => {
    const { id } = c.req.valid('param');
    const { reason: exemptReason, until: exemptUntil } = c.req.valid('json');
    const change = { action: 'cost_center.exempt', edit: () => ({ exemptUntil, exemptReason }) };
    return await replyWithCostCenter(
      c,
      id,
      await changeCostCenter(databaseOf(c), id, change, authorshipOf(c)),
    );
  },
);

exemptions.openapi(
  createRoute({
    method: 'delete',
    path: '/cost_centers/{id}/exempt',
    request: { params: ownerParams },
    responses: { ...ERRORS, 204: { description: 'Its budgets bind again; also where it was not exempt.' } },
  }),
  async (c) => {
    const { id } = c.req.valid('param');
    const edit = () => ({ exemptUntil: null, exemptReason: null });
    const change = { action: 'cost_center.bind', edit };
    const outcome = await changeCostCenter(databaseOf(c), id, change, authorshipOf(c));
    return await replyWithCostCenter(c, id, outcome, () => c.body(null, 204));
  },
);
