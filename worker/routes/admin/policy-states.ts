/** `/cost_centers/{id}/policies/{version}/activate|rollback`: which version decides. */
import { createRoute } from '@hono/zod-openapi';
import { parsePolicy } from '../../../durable-objects/core/policy/parse.ts';
import type { KnownModels } from '../../../durable-objects/core/policy/retirement.ts';
import { knownModels } from '../../policy/known-models.ts';
import type { CostCenter } from '../../store/cost-centers.ts';
import { findPolicyVersion, goLive, type PolicyVersionRow } from '../../store/policy-versions.ts';
import { isConfirmed } from '../../turn/wallet-confirm.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, ERRORS } from './contract.ts';
import { type Failure, fail } from './failures.ts';
import { withOwner } from './owner.ts';
import { unknownVersion } from './policies.ts';
import { policyVersionView, toPolicyVersionView, versionParams } from './policy-contract.ts';

type Step = 'activate' | 'rollback';

/** Null where the version may go live by this step. */
function obstacle(
  step: Step,
  row: PolicyVersionRow,
  { timezone }: CostCenter,
  known: KnownModels,
): Failure | null {
  if (row.state === 'live') return null;
  if (step === 'rollback') {
    if (row.activatedAt !== null) return null;
    const message = `version ${row.version} was never live, so nothing can be rolled back to it; activate it`;
    return { why: 'conflict', message };
  }
  // A draft may have waited: its models can have retired since it was stored.
  const parsed = parsePolicy(row.document, { timezone, ...known });
  return parsed.ok ? null : { why: 'invalid', problems: parsed.error };
}

async function makeLive(c: AdminContext, step: Step, id: string, version: number): Promise<Response> {
  const requestId = c.get('requestId');
  const database = databaseOf(c);
  return await withOwner(c, id, async (owner) => {
    const row = await findPolicyVersion(database, id, version);
    if (!row) return fail(requestId, unknownVersion(id, version));
    const known = await knownModels(database, Date.now());
    const failure = obstacle(step, row, owner, known);
    if (failure) return fail(requestId, failure);
    const live = await goLive(database, { costCenter: id, version }, `policy.${step}`, authorshipOf(c));
    if (live === 'unknown') return fail(requestId, unknownVersion(id, version));
    if (live === 'contended') return fail(requestId, { why: 'contended' });
    if (!(await isConfirmed(c.get('bindings'), owner, live.revision))) {
      return fail(requestId, { why: 'unconfirmed', stored: `the ${step} of policy version ${version}` });
    }
    return c.json(toPolicyVersionView(live.row, known, new Set()), 200);
  });
}

export const policyStates = adminRouter();

policyStates.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/policies/{version}/activate',
    request: { params: versionParams },
    responses: { ...ERRORS, 200: answer(policyVersionView, 'The version, live; the one before is retired.') },
  }),
  async (c) => {
    const { id, version } = c.req.valid('param');
    return await makeLive(c, 'activate', id, version);
  },
);

policyStates.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/policies/{version}/rollback',
    request: { params: versionParams },
    responses: { ...ERRORS, 200: answer(policyVersionView, 'The version, live again.') },
  }),
  async (c) => {
    const { id, version } = c.req.valid('param');
    return await makeLive(c, 'rollback', id, version);
  },
);
