/** `/cost_centers/{id}/policies`: store, replace, list and read policy versions. */
import { createRoute, z } from '@hono/zod-openapi';
import { parsePolicy } from '../../../durable-objects/core/policy/parse.ts';
import { alertReach } from '../../policy/alert-reach.ts';
import { replace } from '../../policy/approval.ts';
import { knownModels } from '../../policy/known-models.ts';
import { unknownProviders } from '../../policy/known-providers.ts';
import type { LifecycleContext } from '../../policy/lifecycle.ts';
import { tighterThanLive } from '../../policy/tighter-versions.ts';
import { untriedVersions, untriedWarnings } from '../../policy/tried-versions.ts';
import { createPolicyVersion, findPolicyVersion, listPolicyVersions } from '../../store/policy-versions.ts';
import { adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, ownerParams, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { withOwner } from './owner.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';
import {
  givenDocument,
  newPolicy,
  policyVersionView,
  toPolicyVersionView,
  versionParams,
} from './policy-contract.ts';
import { guardOf, guardView } from './policy-guard.ts';
import { step, unknownVersion } from './policy-step.ts';

export const policies = adminRouter();

const watchedVersionView = policyVersionView
  .extend({ guard: guardView.nullable().openapi({ description: 'Null: no guard ever watched it.' }) })
  .openapi('WatchedPolicyVersion');

policies.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/policies',
    request: { params: ownerParams, body: body(newPolicy) },
    responses: { ...ERRORS, 201: answer(policyVersionView, 'The new version, a draft.') },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async (owner) => {
      const { id, timezone } = owner;
      const requestId = c.get('requestId');
      const given = givenDocument(c.req.valid('json'));
      if (!given.ok) return fail(requestId, { why: 'invalid', problems: given.error });
      const document = given.value;
      const database = databaseOf(c);
      const known = await knownModels(database, Date.now());
      const parsed = parsePolicy(document, { timezone, ...known });
      if (!parsed.ok) return fail(requestId, { why: 'invalid', problems: parsed.error });
      const draft = { document, warnings: parsed.value.warnings };
      // Not pushed to the wallet: a draft is nothing it decides by.
      const row = await createPolicyVersion(database, id, draft, authorshipOf(c));
      if (row === 'contended') return fail(requestId, { why: 'contended' });
      const untried = untriedWarnings(row.version, await untriedVersions(database, id, [row]));
      const tighter = await tighterThanLive(database, { owner, row });
      const unserved = unknownProviders(row, c.get('bindings'));
      const further = [...unserved, ...tighter, ...untried];
      return c.json(toPolicyVersionView({ owner, row }, known, further), 201);
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
    await withOwner(c, c.req.valid('param').id, async (owner) => {
      const { id } = owner;
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
      const data = page.data.map((row) =>
        toPolicyVersionView({ owner, row }, known, untriedWarnings(row.version, untried)),
      );
      return c.json({ ...page, data }, 200);
    }),
);

policies.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/policies/{version}',
    request: { params: versionParams },
    responses: { ...ERRORS, 200: answer(watchedVersionView, 'The version, with its guard.') },
  }),
  async (c) => {
    const { id, version } = c.req.valid('param');
    return await withOwner(c, id, async (owner) => {
      const database = databaseOf(c);
      const row = await findPolicyVersion(database, id, version);
      if (!row) return fail(c.get('requestId'), unknownVersion(id, version));
      const known = await knownModels(database, Date.now());
      const untried = untriedWarnings(version, await untriedVersions(database, id, [row]));
      const tighter = await tighterThanLive(database, { owner, row });
      const unheard = await alertReach(database, row, c.get('bindings'));
      const unserved = unknownProviders(row, c.get('bindings'));
      const further = [...unserved, ...tighter, ...untried, ...unheard];
      const view = toPolicyVersionView({ owner, row }, known, further);
      return c.json({ ...view, guard: await guardOf(c, owner, version) }, 200);
    });
  },
);

policies.openapi(
  createRoute({
    method: 'put',
    path: '/cost_centers/{id}/policies/{version}',
    request: { params: versionParams, body: body(newPolicy) },
    responses: {
      ...ERRORS,
      200: answer(policyVersionView, 'The draft, with this document in place of the former.'),
    },
  }),
  async (c) => {
    const given = givenDocument(c.req.valid('json'));
    if (!given.ok) return fail(c.get('requestId'), { why: 'invalid', problems: given.error });
    const decide = (context: LifecycleContext) => replace(context, given.value);
    return await step(c, c.req.valid('param'), { name: 'change', decide });
  },
);
