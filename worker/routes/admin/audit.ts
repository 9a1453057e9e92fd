/** `/audit`: who changed what, from what to what, newest first. */
import { createRoute, z } from '@hono/zod-openapi';
import { listAuditEvents, viewOfAuditEvent } from '../../store/audit.ts';
import { adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { endsAfterItBegins, moment, SPAN_ERROR } from './fields.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';

const auditView = z
  .object({
    sequence: z.number().int(),
    occurred_at: z.string(),
    actor: z.string(),
    action: z.string().openapi({ example: 'key.revoke' }),
    cost_center: z.string().nullable(),
    target: z.string(),
    before: z.unknown(),
    after: z.unknown(),
    request_id: z.string(),
    hash: z
      .string()
      .nullable()
      .openapi({ description: 'Null until an event from before the chain is chained.' }),
    previous_hash: z.string().nullable(),
  })
  .openapi('AuditEvent');

const filterQuery = z
  .strictObject({
    cost_center: z.string().optional(),
    from: moment.optional(),
    to: moment.optional(),
    ...pageQuery,
  })
  .refine(endsAfterItBegins, SPAN_ERROR);

export const audit = adminRouter();

audit.openapi(
  createRoute({
    method: 'get',
    path: '/audit',
    request: { query: filterQuery },
    responses: { ...ERRORS, 200: answer(pageOfSchema(auditView), 'Newest first.') },
  }),
  async (c) => {
    const query = c.req.valid('query');
    const filter = { costCenter: query.cost_center ?? null, from: query.from ?? null, to: query.to ?? null };
    const page = await pageOf(
      { list: 'audit', ...filter },
      query,
      ({ after, limit }) =>
        listAuditEvents(databaseOf(c), filter, { after: after === null ? null : Number(after), limit }),
      (event) => String(event.sequence),
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    return c.json({ ...page, data: page.data.map(viewOfAuditEvent) }, 200);
  },
);
