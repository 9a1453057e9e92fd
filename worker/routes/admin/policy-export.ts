/** `/cost_centers/{id}/policies/export`: every version there ever was, as a file for an offline verifier. */
import { createRoute } from '@hono/zod-openapi';
import { policyFile } from '../../finance/audit-export.ts';
import { fileAnswer } from './audit-file-answer.ts';
import { adminRouter } from './context.ts';
import { ERRORS, ownerParams } from './contract.ts';
import { withOwner } from './owner.ts';

export const policyExport = adminRouter();

policyExport.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/policies/export',
    request: { params: ownerParams },
    responses: {
      ...ERRORS,
      200: { description: 'A version a line, chained; the last line is the signed manifest.' },
    },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, ({ id }) =>
      fileAnswer(policyFile(c.get('bindings'), id, new Date().toISOString()), `policies-${id}`),
    ),
);
