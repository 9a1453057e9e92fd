/** `/cost_centers/{id}/pause|resume|archive|restore`: an admin's hand on the tap, aside from any budget. */
import { createRoute, z } from '@hono/zod-openapi';
import { type CostCenter, type CostCenterEdit, changeCostCenter } from '../../store/cost-centers.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, optionalBody, ownerParams } from './contract.ts';
import { costCenterView } from './cost-center-contract.ts';
import { replyWithCostCenter } from './cost-center-reply.ts';
import { futureInstant, reason } from './fields.ts';

interface StateChange {
  action: `cost_center.${string}`;
  edit: (present: CostCenter) => CostCenterEdit;
  note?: Record<string, unknown>;
}

async function changeState(c: AdminContext, id: string, change: StateChange): Promise<Response> {
  return await replyWithCostCenter(c, id, await changeCostCenter(databaseOf(c), id, change, authorshipOf(c)));
}

const OK = { ...ERRORS, 200: answer(costCenterView, 'The cost center as it is now.') };
const pauseBody = z.strictObject({ reason, until: futureInstant.nullable().optional() }).openapi('Pause');
const resumeBody = z.strictObject({ reason: reason.optional() }).openapi('Resume');

export const costCenterStates = adminRouter();

costCenterStates.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/pause',
    request: { params: ownerParams, body: body(pauseBody) },
    responses: OK,
  }),
  async (c) => {
    const { reason: pausedReason, until: pausedUntil = null } = c.req.valid('json');
    const now = new Date().toISOString();
    return await changeState(c, c.req.valid('param').id, {
      action: 'cost_center.pause',
      edit: (present) => ({ pausedAt: present.pausedAt ?? now, pausedReason, pausedUntil }),
    });
  },
);

costCenterStates.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/resume',
    request: { params: ownerParams, body: optionalBody(resumeBody) },
    responses: OK,
  }),
  async (c) => {
    const { reason: note } = c.req.valid('json');
    return await changeState(c, c.req.valid('param').id, {
      action: 'cost_center.resume',
      edit: () => ({ pausedAt: null, pausedReason: null, pausedUntil: null }),
      ...(note === undefined ? {} : { note: { reason: note } }),
    });
  },
);

costCenterStates.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/archive',
    request: { params: ownerParams },
    responses: OK,
  }),
  async (c) => {
    const now = new Date().toISOString();
    return await changeState(c, c.req.valid('param').id, {
      action: 'cost_center.archive',
      edit: (present) => ({ archivedAt: present.archivedAt ?? now }),
    });
  },
);

costCenterStates.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/restore',
    request: { params: ownerParams },
    responses: OK,
  }),
  async (c) =>
    await changeState(c, c.req.valid('param').id, {
      action: 'cost_center.restore',
      edit: () => ({ archivedAt: null }),
    }),
);
