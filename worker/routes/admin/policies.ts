/** `/cost_centers/{id}/policies`: store, list and read policy versions. */
import { createRoute, z } from '@hono/zod-openapi';
import { parsePolicy } from '../../../durable-objects/core/policy/parse.ts';
import { knownModels } from '../../policy/known-models.ts';
import { untriedVersions } from '../../policy/tried-versions.ts';
import { createPolicyVersion, findPolicyVersion, listPolicyVersions } from '../../store/policy-versions.ts';
import { adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, ownerParams, pageOfSchema } from './contract.ts';
import { type Failure, fail } from './failures.ts';
import { withOwner } from './owner.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';
import { newPolicy, policyVersionView, toPolicyVersionView, versionParams } from './policy-contract.ts';

export const policies = adminRouter();

export function unknownVersion(costCenter: string, version: number): Failure {
  return { why: 'unknown', what: `policy version ${version} in cost center ${costCenter}` };
}

policies.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/policies',
    request: { params: ownerParams, body: body(newPolicy) },
    responses: { ...ERRORS, 201: answer(policyVersionView, 'The new version, a draft.') },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async ({ id, timezone }) => {
      const requestId = c.get('requestId');
      const { policy: document } = c.req.valid('json');
      const database = databaseOf(c);
      const known = await knownModels(database, Date.now());
      const parsed = parsePolicy(document, { timezone, ...known });
      if (!parsed.ok) return fail(requestId, { why: 'invalid', problems: parsed.error });
      const draft = { document, warnings: parsed.value.warnings };
      // Not pushed to the wallet: a draft is nothing it decides by.
      const row = await createPolicyVersion(database, id, draft, authorshipOf(c));
      if (row === 'contended') return fail(requestId, { why: 'contended' });
      const untried = await untriedVersions(database, id, [row]);
      return c.json(toPolicyVersionView(row, known, untried), 201);
    }),
);

policies.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/policies',
    request: { params: ownerParams, query: z.strictObject(pageQuery) },
    responses: { ...ERRORS, 200: answer(pageOfSchema(policyVersionView), 'By version, from the first.') },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async ({ id }) => {
      const database = databaseOf(c);
      const page = await pageOf(
        { list: 'policies', cost_center: id },
        c.req.valid('query'),
        ({ after, limit }) =>
          listPolicyVersions(database, id, { after: after === null ? null : Number(after), limit }),
        (row) => String(row.version),
      );
      if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
      const known = await knownModels(database, Date.now());
      const untried = await untriedVersions(database, id, page.data);
      const data = page.data.map((row) => toPolicyVersionView(row, known, untried));
      return c.json({ ...page, data }, 200);
    }),
);

policies.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/policies/{version}',
    request: { params: versionParams },
    responses: { ...ERRORS, 200: answer(policyVersionView, 'The version.') },
  }),
  async (c) => {
    const { id, version } = c.req.valid('param');
    const database = databaseOf(c);
    const row = await findPolicyVersion(database, id, version);
    if (!row) return fail(c.get('requestId'), unknownVersion(id, version));
    const known = await knownModels(database, Date.now());
    return c.json(toPolicyVersionView(row, known, await untriedVersions(database, id, [row])), 200);
  },
);
