/** `/role_bindings`: which role people have, by e-mail, group or subject. Nobody gives more than they have. */
import { createRoute, z } from '@hono/zod-openapi';
import type { PolicyProblem } from '../../../durable-objects/core/policy/types.ts';
import { grantOf, ROLES } from '../../auth/permissions.ts';
import { foldEmail } from '../../auth/principal.ts';
import { findCostCenter } from '../../store/cost-centers.ts';
import { BINDING_KINDS } from '../../store/identity-tables.ts';
import {
  createRoleBinding,
  deleteRoleBinding,
  listRoleBindings,
  viewOfRoleBinding,
} from '../../store/role-bindings.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { costCenterId } from './fields.ts';
import { refuseGiving } from './giving.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';

const bindingView = z
  .object({
    id: z.string(),
    by: z.enum(BINDING_KINDS),
    issuer: z.string().nullable(),
    value: z.string(),
    role: z.string(),
    cost_center: z.string().nullable(),
    created_by: z.string(),
    created_at: z.string(),
  })
  .openapi('RoleBinding');

const newBinding = z
  .strictObject({
    by: z.enum(BINDING_KINDS, { error: `expected one of ${BINDING_KINDS.join(', ')}` }),
    issuer: z.string().min(1).max(2_000).nullable().optional().openapi({
      description: 'Whose claim it is; any trusted issuer’s where absent. A `subject` needs one.',
      example: 'https://acme.cloudflareaccess.com',
    }),
    value: z.string('expected the value of the claim').trim().min(1).max(320).openapi({
      example: 'ada@example.com',
    }),
    role: z.enum(ROLES, { error: `expected one of ${ROLES.join(', ')}` }),
    cost_center: costCenterId.nullable().optional().openapi({
      description: 'Where the role is had; everywhere where absent. A `manager` needs one.',
    }),
  })
  .openapi('NewRoleBinding');

/** What is wrong with a binding beyond the shape of its fields. */
async function problemsOf(c: AdminContext, given: z.output<typeof newBinding>): Promise<PolicyProblem[]> {
  const problems: PolicyProblem[] = [];
  const add = (path: string, message: string) => problems.push({ path, message });
  const { by, issuer = null, value, role, cost_center: costCenter = null } = given;
  const trusted = c.get('bindings').trustedIssuers.map((each) => each.issuer);
  if (issuer !== null && !trusted.includes(issuer)) {
    const listed = trusted.length === 0 ? 'none is configured' : trusted.join(', ');
    add('issuer', `expected an issuer that this deployment trusts: ${listed}`);
  }
  if (by === 'subject' && issuer === null) add('issuer', 'expected the issuer whose subject it is');
  if (by === 'email' && !/^[^\s@]+@[^\s@]+$/.test(value)) add('value', 'expected an e-mail address');
  if (role === 'manager' && costCenter === null)
    add('cost_center', 'expected the cost center of the manager');
  if (role === 'admin' && costCenter !== null) {
    add('cost_center', 'expected none: an admin is so everywhere; a manager is the one of a cost center');
  }
  if (costCenter !== null && !(await findCostCenter(databaseOf(c), costCenter))) {
    add('cost_center', `there is no cost center ${costCenter}`);
  }
  return problems;
}

export const roleBindings = adminRouter();

roleBindings.openapi(
  createRoute({
    method: 'post',
    path: '/role_bindings',
    request: { body: body(newBinding) },
    responses: { ...ERRORS, 201: answer(bindingView, 'The binding, in force from the next request on.') },
  }),
  async (c) => {
    const requestId = c.get('requestId');
    const given = c.req.valid('json');
    const problems = await problemsOf(c, given);
    if (problems.length > 0) return fail(requestId, { why: 'invalid', problems });
    const { by, issuer = null, role, cost_center: costCenter = null } = given;
    const what = { what: `the role ${role}`, route: 'POST /role_bindings' };
    const refused = await refuseGiving(c, [grantOf(role, costCenter)], what);
    if (refused) return refused;
    const value = by === 'email' ? foldEmail(given.value) : given.value;
    const row = await createRoleBinding(
      databaseOf(c),
      { by, issuer, value, role, costCenter },
      authorshipOf(c),
    );
    if (!row) return fail(requestId, { why: 'duplicate', what: 'this very binding' });
    return c.json(viewOfRoleBinding(row), 201);
  },
);

roleBindings.openapi(
  createRoute({
    method: 'get',
    path: '/role_bindings',
    request: { query: z.strictObject(pageQuery) },
    responses: { ...ERRORS, 200: answer(pageOfSchema(bindingView), 'Newest first.') },
  }),
  async (c) => {
    const page = await pageOf(
      { list: 'role_bindings' },
      c.req.valid('query'),
      (each) => listRoleBindings(databaseOf(c), each),
      (row) => row.id,
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    return c.json({ ...page, data: page.data.map(viewOfRoleBinding) }, 200);
  },
);

roleBindings.openapi(
  createRoute({
    method: 'delete',
    path: '/role_bindings/{role_binding_id}',
    request: { params: z.object({ role_binding_id: z.string() }) },
    responses: { ...ERRORS, 204: { description: 'It is gone; it holds for no further request.' } },
  }),
  async (c) => {
    const { role_binding_id: id } = c.req.valid('param');
    const isDeleted = await deleteRoleBinding(databaseOf(c), id, authorshipOf(c));
    if (!isDeleted) return fail(c.get('requestId'), { why: 'unknown', what: `role binding ${id}` });
    return c.body(null, 204);
  },
);
