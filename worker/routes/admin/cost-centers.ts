/** `/cost_centers`: create, list, read and edit. */
import { createRoute, z } from '@hono/zod-openapi';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { reachOf } from '../../auth/permissions.ts';
import {
  changeCostCenter,
  createCostCenter,
  findCostCenter,
  listCostCenters,
  viewOfCostCenter,
} from '../../store/cost-centers.ts';
import { publishListPrices } from '../../store/list-prices.ts';
import { offersJurisdiction } from '../../store/wallets.ts';
import { adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, ownerParams, pageOfSchema } from './contract.ts';
import { costCenterEdit, costCenterView, newCostCenter } from './cost-center-contract.ts';
import { replyWithCostCenter } from './cost-center-reply.ts';
import { fail } from './failures.ts';
import { refuseManager } from './giving.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';

export const costCenters = adminRouter();

costCenters.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers',
    request: { body: body(newCostCenter) },
    responses: { ...ERRORS, 201: answer(costCenterView, 'The new cost center.') },
  }),
  async (c) => {
    const { manager: who, jurisdiction = null, ...fields } = c.req.valid('json');
    if (jurisdiction !== null && !offersJurisdiction(c.get('bindings'), jurisdiction)) {
      const message = 'this platform cannot keep a wallet within a jurisdiction';
      return fail(c.get('requestId'), { why: 'invalid', problems: [{ path: 'jurisdiction', message }] });
    }
    const refused = await refuseManager(c, fields.id, 'POST /cost_centers');
    if (refused) return refused;
    const row = {
      ...fields,
      jurisdiction,
      managerName: who.name,
      managerEmail: who.email,
      managerSlackUserId: who.slack_user_id ?? null,
    };
    // Its entries will name these: finance finds them in D1 from the first one on.
    await publishListPrices(databaseOf(c), builtinCatalogue, authorshipOf(c).at);
    // Not pushed to the wallet: it can hold nothing older, and asks for what it does not have.
    const created = await createCostCenter(databaseOf(c), row, authorshipOf(c));
    if (!created) return fail(c.get('requestId'), { why: 'duplicate', what: `cost center ${fields.id}` });
    return c.json(viewOfCostCenter(created), 201);
  },
);

costCenters.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers',
    request: { query: z.strictObject(pageQuery) },
    responses: {
      ...ERRORS,
      200: answer(pageOfSchema(costCenterView), 'Those the caller may read, by id; archived ones too.'),
    },
  }),
  async (c) => {
    const among = reachOf(c.get('grants'), 'cost_center.read');
    const page = await pageOf(
      { list: 'cost_centers' },
      c.req.valid('query'),
      (each) => listCostCenters(databaseOf(c), { ...each, among }),
      (row) => row.id,
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    return c.json({ ...page, data: page.data.map((row) => viewOfCostCenter(row)) }, 200);
  },
);

costCenters.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}',
    request: { params: ownerParams },
    responses: { ...ERRORS, 200: answer(costCenterView, 'The cost center.') },
  }),
  async (c) => {
    const { id } = c.req.valid('param');
    const row = await findCostCenter(databaseOf(c), id);
    if (!row) return fail(c.get('requestId'), { why: 'unknown', what: `cost center ${id}` });
    return c.json(viewOfCostCenter(row), 200);
  },
);

costCenters.openapi(
  createRoute({
    method: 'patch',
    path: '/cost_centers/{id}',
    request: { params: ownerParams, body: body(costCenterEdit) },
    responses: { ...ERRORS, 200: answer(costCenterView, 'The cost center as it is now.') },
  }),
  async (c) => {
    const { id } = c.req.valid('param');
    const { manager: who, ...fields } = c.req.valid('json');
    // Alerts go there, with links that raise budgets.
    const isNamed = who?.email !== undefined || who?.slack_user_id !== undefined;
    const refused = isNamed ? await refuseManager(c, id, 'PATCH /cost_centers/{id}') : null;
    if (refused) return refused;
    const outcome = await changeCostCenter(
      databaseOf(c),
      id,
      {
        action: 'cost_center.update',
        edit: (present) => ({
          name: fields.name ?? present.name,
          timezone: fields.timezone ?? present.timezone,
          managerName: who?.name ?? present.managerName,
          managerEmail: who?.email ?? present.managerEmail,
          managerSlackUserId:
            who?.slack_user_id === undefined ? present.managerSlackUserId : who.slack_user_id,
        }),
      },
      authorshipOf(c),
    );
    return await replyWithCostCenter(c, id, outcome);
  },
);
