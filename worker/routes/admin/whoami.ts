/** `/whoami`: who the caller is to this deployment, and what they may do. Open to whoever proves who they are. */
import { createRoute, z } from '@hono/zod-openapi';
import { ACTIONS, type Grant, ROLES, reachOf } from '../../auth/permissions.ts';
import { adminRouter } from './context.ts';
import { answer, ERRORS } from './contract.ts';

const textOrNull = z.string().nullable();
const costCentersOrNull = z
  .array(z.string())
  .nullable()
  .openapi({ description: 'Null: in all of them, and in what belongs to none.' });

const whoamiView = z
  .object({
    principal: z.object({
      kind: z.enum(['admin_token', 'person', 'service_token']),
      actor: z.string().openapi({ description: 'As the audit log names the caller.' }),
      issuer: textOrNull,
      subject: textOrNull,
      email: textOrNull,
    }),
    roles: z.array(z.object({ role: z.enum(ROLES), cost_center: textOrNull })),
    cost_centers: costCentersOrNull,
    permissions: z.array(z.object({ action: z.string(), cost_centers: costCentersOrNull })),
  })
  .openapi('Whoami');

function costCentersOf(grants: readonly Grant[]): string[] | null {
  const ids = grants.map(({ costCenter }) => costCenter);
  return ids.includes(null) ? null : [...new Set(ids.map(String))].sort();
}

function permissionsOf(grants: readonly Grant[]) {
  return ACTIONS.flatMap((action) => {
    const reach = reachOf(grants, action);
    return reach?.length === 0 ? [] : [{ action, cost_centers: reach && [...reach] }];
  });
}

function rolesOf(grants: readonly Grant[]) {
  return grants.flatMap(({ role, costCenter }) => (role === null ? [] : [{ role, cost_center: costCenter }]));
}

export const whoami = adminRouter();

whoami.openapi(
  createRoute({
    method: 'get',
    path: '/whoami',
    responses: { ...ERRORS, 200: answer(whoamiView, 'The caller, as this very request proved them.') },
  }),
  (c) => {
    const { kind, actor, issuer, subject, email } = c.get('principal');
    const grants = c.get('grants');
    const view = {
      principal: { kind, actor, issuer, subject, email },
      roles: rolesOf(grants),
      cost_centers: costCentersOf(grants),
      permissions: permissionsOf(grants),
    };
    return c.json(view, 200);
  },
);
