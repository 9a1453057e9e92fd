/** `/cost_centers/{id}/policies/{version}/submit|approve|reject|activate|promote|unschedule|rollback`: a version's way. */
import { createRoute, type z } from '@hono/zod-openapi';
import { approve, reject, submit } from '../../policy/approval.ts';
import { activate, rollBack, unschedule } from '../../policy/going-live.ts';
import type { LifecycleContext } from '../../policy/lifecycle.ts';
import { activateAsCanary, promote } from '../../policy/rollout.ts';
import { adminRouter } from './context.ts';
import { answer, body, ERRORS, optionalBody } from './contract.ts';
import {
  activation,
  approval,
  policyVersionView,
  rejection,
  rollback,
  submission,
  versionParams,
} from './policy-contract.ts';
import { step } from './policy-step.ts';

function route<const Name extends string, Body extends z.ZodType>(
  name: Name,
  json: { content: { 'application/json': { schema: Body } }; required: boolean },
  description: string,
) {
  return createRoute({
    method: 'post',
    path: `/cost_centers/{id}/policies/{version}/${name}`,
    request: { params: versionParams, body: json },
    responses: { ...ERRORS, 200: answer(policyVersionView, description) },
  });
}

export const policyStates = adminRouter();

policyStates.openapi(
  route('submit', optionalBody(submission), 'The version, which waits for an approval.'),
  async (c) => {
    const { note = null } = c.req.valid('json');
    const decide = (context: Parameters<typeof submit>[0]) => submit(context, note);
    return await step(c, c.req.valid('param'), { name: 'submission', decide });
  },
);

policyStates.openapi(
  route('approve', optionalBody(approval), 'The version, approved and signed.'),
  async (c) => {
    const { note = null, dry_run: dryRun = null } = c.req.valid('json');
    const decide = (context: Parameters<typeof approve>[0]) => approve(context, { note, dryRun });
    return await step(c, c.req.valid('param'), { name: 'approval', decide });
  },
);

policyStates.openapi(route('reject', body(rejection), 'The version, rejected.'), async (c) => {
  const { reason } = c.req.valid('json');
  const decide = (context: Parameters<typeof reject>[0]) => reject(context, reason);
  return await step(c, c.req.valid('param'), { name: 'rejection', decide });
});

policyStates.openapi(
  route(
    'activate',
    optionalBody(activation),
    'The version, live (the one before is retired), a canary for a share of sessions, or scheduled where an instant was given.',
  ),
  async (c) => {
    const { activate_at: activateAt = null, canary, guards = {} } = c.req.valid('json');
    const decide = (context: LifecycleContext) =>
      canary ? activateAsCanary(context, canary.share, guards) : activate(context, activateAt, guards);
    return await step(c, c.req.valid('param'), { name: 'activate', decide });
  },
);

policyStates.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/policies/{version}/promote',
    request: { params: versionParams },
    responses: { ...ERRORS, 200: answer(policyVersionView, 'The canary, live for all.') },
  }),
  async (c) => await step(c, c.req.valid('param'), { name: 'promotion', decide: promote }),
);

policyStates.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/policies/{version}/unschedule',
    request: { params: versionParams },
    responses: { ...ERRORS, 200: answer(policyVersionView, 'The version, scheduled no more.') },
  }),
  async (c) => {
    return await step(c, c.req.valid('param'), { name: 'unschedule', decide: () => unschedule });
  },
);

policyStates.openapi(route('rollback', optionalBody(rollback), 'The version, live again.'), async (c) => {
  const { reason = null } = c.req.valid('json');
  const decide = (context: Parameters<typeof rollBack>[0]) => rollBack(context, reason);
  const advice = 'activate the version to make sure, which changes nothing more';
  return await step(c, c.req.valid('param'), { name: 'rollback', decide, advice });
});
