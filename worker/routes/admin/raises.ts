/** `/cost_centers/{id}/raises`: lift one budget for a while. A raise ends by itself. */
import { createRoute, z } from '@hono/zod-openapi';
import type { PolicyProblem } from '../../../durable-objects/core/policy/types.ts';
import { checkTarget } from '../../policy/raise-target.ts';
import { type CostCenter, findCostCenter } from '../../store/cost-centers.ts';
import { createRaise, endRaise, listRaises, viewOfRaise } from '../../store/raises.ts';
import { isInForce } from '../../turn/raise-in-force.ts';
import { isConfirmed } from '../../turn/wallet-confirm.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, ownerParams, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { withOwner } from './owner.ts';
import { pageOf, WRONG_CURSOR } from './paging.ts';
import { problemsOf } from './problems.ts';
import { newRaise, raiseParams, raiseQuery, raiseView } from './raise-contract.ts';

export const raises = adminRouter();

/** Enough of a body to say whether its budget is one, whatever else is wrong with it. */
const readableTarget = z.object({ budget: z.string(), subject: z.string().min(1).nullable().catch(null) });

/** What the live policy has against the target of a body that is wrong already. */
async function furtherProblems(c: AdminContext, id: string, given: unknown): Promise<PolicyProblem[]> {
  const target = readableTarget.safeParse(given);
  const owner = target.success ? await findCostCenter(databaseOf(c), id) : null;
  if (!owner || !target.success) return [];
  const checked = await checkTarget(target.data, owner, databaseOf(c));
  return checked.ok ? [] : [checked.error];
}

/** Everything wrong with a request at once, in its shape and by the live policy. */
async function refuse(
  c: AdminContext,
  { target, error }: { target: string; error: Parameters<typeof problemsOf>[0] },
): Promise<Response> {
  const isBody = target === 'json';
  const further = isBody ? await furtherProblems(c, c.req.param('id') ?? '', await c.req.json()) : [];
  return fail(c.get('requestId'), { why: 'invalid', problems: [...problemsOf(error), ...further] });
}

async function create(
  c: AdminContext,
  owner: CostCenter,
  { budget, subject = null, extra_usd: extraNanoUsd, until, reason }: z.output<typeof newRaise>,
): Promise<Response> {
  const requestId = c.get('requestId');
  const target = await checkTarget({ budget, subject }, owner, databaseOf(c));
  if (!target.ok) return fail(requestId, { why: 'invalid', problems: [target.error] });
  const fields = { costCenter: owner.id, ...target.value, extraNanoUsd, until, reason };
  const raise = await createRaise(databaseOf(c), fields, authorshipOf(c));
  if (!(await isInForce(c.get('bindings'), owner, raise))) {
    const advice = 'do not repeat the call, which would add another one';
    return fail(requestId, { why: 'unconfirmed', stored: `raise ${raise.id}`, advice });
  }
  return c.json(viewOfRaise(raise), 201);
}

raises.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/raises',
    request: { params: ownerParams, body: body(newRaise) },
    responses: { ...ERRORS, 201: answer(raiseView, 'The raise, in force as of this answer.') },
  }),
  async (c) => await withOwner(c, c.req.valid('param').id, (owner) => create(c, owner, c.req.valid('json'))),
  (result, c) => (result.success ? undefined : refuse(c, result)),
);

raises.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/raises',
    request: { params: ownerParams, query: raiseQuery },
    responses: { ...ERRORS, 200: answer(pageOfSchema(raiseView), 'Newest first.') },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async ({ id }) => {
      const { active = null, ...query } = c.req.valid('query');
      const filter = {
        inForce: active === null ? null : active === 'true',
        at: new Date().toISOString(),
      };
      const page = await pageOf(
        { list: 'raises', cost_center: id, active },
        query,
        (each) => listRaises(databaseOf(c), id, filter, each),
        (row) => row.id,
      );
      if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
      return c.json({ ...page, data: page.data.map(viewOfRaise) }, 200);
    }),
);

raises.openapi(
  createRoute({
    method: 'delete',
    path: '/cost_centers/{id}/raises/{raise_id}',
    request: { params: raiseParams },
    responses: { ...ERRORS, 204: { description: 'The raise is over: it lifts nothing as of this answer.' } },
  }),
  async (c) => {
    const { id, raise_id: raiseId } = c.req.valid('param');
    const requestId = c.get('requestId');
    return await withOwner(c, id, async (owner) => {
      const raise = await endRaise(databaseOf(c), { costCenter: id, id: raiseId }, authorshipOf(c));
      if (raise === 'unknown') {
        return fail(requestId, { why: 'unknown', what: `raise ${raiseId} in cost center ${id}` });
      }
      if (raise === 'contended') return fail(requestId, { why: 'contended' });
      if (!(await isConfirmed(c.get('bindings'), owner, raise.revision))) {
        return fail(requestId, { why: 'unconfirmed', stored: `the end of raise ${raiseId}` });
      }
      return c.body(null, 204);
    });
  },
);
