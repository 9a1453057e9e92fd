/** `/increase_requests`: what developers ask for beyond their budgets, and the answers. */
import { createRoute, z } from '@hono/zod-openapi';
import { approve, closedMeanwhile, closedSentence } from '../../policy/increase-request.ts';
import { type CostCenter, findCostCenter } from '../../store/cost-centers.ts';
import {
  denyIncreaseRequest,
  findIncreaseRequest,
  type IncreaseRequest,
  listIncreaseRequests,
  viewOfIncreaseRequest,
} from '../../store/increase-requests.ts';
import { INCREASE_STATUSES } from '../../store/tables.ts';
import { isInForce } from '../../turn/raise-in-force.ts';
import { approval, denial, increaseRequestView } from '../increase-request-contract.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, ERRORS, optionalBody, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';

export const increaseRequests = adminRouter();

const params = z.object({ increase_request_id: z.string().openapi({ example: 'increase_01KB…' }) });

const listQuery = z.strictObject({
  status: z.enum(INCREASE_STATUSES).optional(),
  cost_center: z.string().optional(),
  ...pageQuery,
});

increaseRequests.openapi(
  createRoute({
    method: 'get',
    path: '/increase_requests',
    request: { query: listQuery },
    responses: { ...ERRORS, 200: answer(pageOfSchema(increaseRequestView), 'Newest first.') },
  }),
  async (c) => {
    const { status = null, cost_center: costCenter = null, ...query } = c.req.valid('query');
    const at = new Date().toISOString();
    const page = await pageOf(
      { list: 'increase_requests', cost_center: costCenter, status },
      query,
      (each) => listIncreaseRequests(databaseOf(c), { costCenter, developer: null, status }, at, each),
      (row) => row.id,
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    return c.json({ ...page, data: page.data.map((row) => viewOfIncreaseRequest(row, at)) }, 200);
  },
);

/** Runs `handle` with the request of this id and its cost center, or answers 404. */
async function withRequest(
  c: AdminContext,
  id: string,
  handle: (request: IncreaseRequest, owner: CostCenter) => Promise<Response>,
): Promise<Response> {
  const request = await findIncreaseRequest(databaseOf(c), id);
  const owner = request && (await findCostCenter(databaseOf(c), request.costCenter));
  if (!owner) return fail(c.get('requestId'), { why: 'unknown', what: `increase request ${id}` });
  return await handle(request, owner);
}

async function approved(
  c: AdminContext,
  request: IncreaseRequest,
  owner: CostCenter,
  { extra_usd: extraNanoUsd, until, reason }: z.output<typeof approval>,
): Promise<Response> {
  const requestId = c.get('requestId');
  const terms = {
    extraNanoUsd: extraNanoUsd ?? null,
    until: until ?? null,
    resolution: reason ?? null,
    link: null,
  };
  const outcome = await approve(databaseOf(c), owner, request, terms, authorshipOf(c));
  if (outcome.status === 'closed') return fail(requestId, { why: 'conflict', message: outcome.message });
  if (outcome.status === 'invalid') return fail(requestId, { why: 'invalid', problems: [outcome.problem] });
  if (!(await isInForce(c.get('bindings'), owner, outcome.raise))) {
    const stored = `the approval of increase request ${request.id}`;
    return fail(requestId, {
      why: 'unconfirmed',
      stored,
      advice: 'within minutes; there is nothing to repeat',
    });
  }
  return c.json(viewOfIncreaseRequest(outcome.request), 200);
}

async function denied(
  c: AdminContext,
  request: IncreaseRequest,
  { reason }: z.output<typeof denial>,
): Promise<Response> {
  const requestId = c.get('requestId');
  const authorship = authorshipOf(c);
  const closed = closedSentence(request, authorship.at);
  if (closed) return fail(requestId, { why: 'conflict', message: closed });
  const database = databaseOf(c);
  const row = await denyIncreaseRequest(
    database,
    request,
    { resolution: reason ?? null, link: null },
    authorship,
  );
  if (row) return c.json(viewOfIncreaseRequest(row), 200);
  const message = await closedMeanwhile(database, request, authorship.at);
  return fail(requestId, { why: 'conflict', message });
}

increaseRequests.openapi(
  createRoute({
    method: 'post',
    path: '/increase_requests/{increase_request_id}/approve',
    request: { params, body: optionalBody(approval) },
    responses: { ...ERRORS, 200: answer(increaseRequestView, 'Approved; its raise is in force.') },
  }),
  async (c) =>
    await withRequest(c, c.req.valid('param').increase_request_id, (request, owner) =>
      approved(c, request, owner, c.req.valid('json')),
    ),
);

increaseRequests.openapi(
  createRoute({
    method: 'post',
    path: '/increase_requests/{increase_request_id}/deny',
    request: { params, body: optionalBody(denial) },
    responses: { ...ERRORS, 200: answer(increaseRequestView, 'Denied.') },
  }),
  async (c) =>
    await withRequest(c, c.req.valid('param').increase_request_id, (request) =>
      denied(c, request, c.req.valid('json')),
    ),
);
