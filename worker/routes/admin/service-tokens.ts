/** `/service_tokens`: credentials of programs, with the actions they may do. Nobody gives more than they have. */
import { createRoute, z } from '@hono/zod-openapi';
import { grantsOfScopes, SCOPES } from '../../auth/permissions.ts';
import { mintServiceToken } from '../../auth/service-token.ts';
import { unknownCostCenters } from '../../store/cost-centers.ts';
import {
  createServiceToken,
  listServiceTokens,
  revokeServiceToken,
  viewOfServiceToken,
} from '../../store/service-tokens.ts';
import { adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { costCenterId, futureInstant } from './fields.ts';
import { refuseGiving } from './giving.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';

const MAX_COST_CENTERS = 100;

function eachOnce(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

const tokenView = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(z.string()),
    cost_centers: z.array(z.string()).nullable(),
    expires_at: z.string().nullable(),
    revoked_at: z.string().nullable(),
    created_by: z.string(),
    created_at: z.string(),
  })
  .openapi('ServiceToken');

const newTokenView = tokenView
  .extend({
    secret: z.string().openapi({ description: 'The token itself, shown this once and kept nowhere.' }),
  })
  .openapi('NewServiceTokenSecret');

const newToken = z
  .strictObject({
    name: z
      .string('expected a name')
      .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected 1 to 63 of a-z, 0-9, ".", "_" and "-"')
      .openapi({ example: 'ci' }),
    scopes: z
      .array(z.enum(SCOPES, { error: `expected actions that a program may do: ${SCOPES.join(', ')}` }))
      .min(1, 'expected at least one action')
      .refine(eachOnce, 'expected every action once')
      .openapi({ example: ['ledger.read', 'export'] }),
    cost_centers: z
      .array(costCenterId)
      .min(1, 'expected at least one cost center, or none named at all for all of them')
      .max(MAX_COST_CENTERS, `expected at most ${MAX_COST_CENTERS} cost centers`)
      .refine(eachOnce, 'expected every cost center once')
      .nullable()
      .optional()
      .openapi({ description: 'All where absent.' }),
    expires_at: futureInstant.nullable().optional(),
  })
  .openapi('NewServiceToken');

export const serviceTokens = adminRouter();

serviceTokens.openapi(
  createRoute({
    method: 'post',
    path: '/service_tokens',
    request: { body: body(newToken) },
    responses: { ...ERRORS, 201: answer(newTokenView, 'The token; its secret is not shown again.') },
  }),
  async (c) => {
    const requestId = c.get('requestId');
    const {
      name,
      scopes,
      cost_centers: costCenters = null,
      expires_at: expiresAt = null,
    } = c.req.valid('json');
    const unknown = await unknownCostCenters(databaseOf(c), costCenters ?? []);
    if (unknown.length > 0) {
      const message = `there is no cost center ${unknown.join(', ')}`;
      return fail(requestId, { why: 'invalid', problems: [{ path: 'cost_centers', message }] });
    }
    const what = { what: 'that', route: 'POST /service_tokens' };
    const refused = await refuseGiving(c, grantsOfScopes(scopes, costCenters), what);
    if (refused) return refused;
    const { id, text, digest } = await mintServiceToken();
    const fields = { id, name, secretSha256: digest, scopes, costCenters, expiresAt };
    const row = await createServiceToken(databaseOf(c), fields, authorshipOf(c));
    if (!row) return fail(requestId, { why: 'duplicate', what: `a service token ${name}` });
    return c.json({ ...viewOfServiceToken(row), secret: text }, 201);
  },
);

serviceTokens.openapi(
  createRoute({
    method: 'get',
    path: '/service_tokens',
    request: { query: z.strictObject(pageQuery) },
    responses: { ...ERRORS, 200: answer(pageOfSchema(tokenView), 'Revoked ones too, without secrets.') },
  }),
  async (c) => {
    const page = await pageOf(
      { list: 'service_tokens' },
      c.req.valid('query'),
      (each) => listServiceTokens(databaseOf(c), each),
      (row) => row.id,
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    return c.json({ ...page, data: page.data.map(viewOfServiceToken) }, 200);
  },
);

serviceTokens.openapi(
  createRoute({
    method: 'delete',
    path: '/service_tokens/{service_token_id}',
    request: { params: z.object({ service_token_id: z.string() }) },
    responses: { ...ERRORS, 204: { description: 'The token is good for no further request.' } },
  }),
  async (c) => {
    const { service_token_id: id } = c.req.valid('param');
    const isRevoked = await revokeServiceToken(databaseOf(c), id, authorshipOf(c));
    if (!isRevoked) return fail(c.get('requestId'), { why: 'unknown', what: `service token ${id}` });
    return c.body(null, 204);
  },
);
