/** `/cost_centers/{id}/sessions/{session}/stop`: one session takes no more turns, until the stop is lifted. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Outcome } from '../../store/change.ts';
import type { CostCenter } from '../../store/cost-centers.ts';
import { liftStop, listStops, type StopChange, stopSession, viewOfStop } from '../../store/session-stops.ts';
import { isConfirmed } from '../../turn/wallet-confirm.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, ownerParams, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { reason, session } from './fields.ts';
import { withOwner } from './owner.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';

const sessionParams = ownerParams.extend({ session });

const newStop = z.strictObject({ reason }).openapi('NewSessionStop');

const stopView = z
  .object({ session: z.string(), reason: z.string(), stopped_at: z.string() })
  .openapi('SessionStop');

/** Answers a change with `reply` once the wallet has it, or had it before. */
async function confirmed(
  c: AdminContext,
  owner: CostCenter,
  name: string,
  { change, reply }: { change: Outcome<StopChange>; reply: (change: StopChange) => Response },
): Promise<Response> {
  const requestId = c.get('requestId');
  const unknown = { why: 'unknown' as const, what: `stop of session ${name} in cost center ${owner.id}` };
  if (change === 'unknown') return fail(requestId, unknown);
  if (change === 'contended') return fail(requestId, { why: 'contended' });
  if (!(await isConfirmed(c.get('bindings'), owner, change.row.revision))) {
    return fail(requestId, { why: 'unconfirmed', stored: `the change of session ${name}` });
  }
  // Lifted before: an earlier try may have been stored without the wallet knowing, so this comes last.
  return change.row.liftedAt !== null && !change.isNew ? fail(requestId, unknown) : reply(change);
}

export const sessionStops = adminRouter();

sessionStops.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/sessions/{session}/stop',
    request: { params: sessionParams, body: body(newStop) },
    responses: {
      ...ERRORS,
      200: answer(stopView, 'It was stopped before; the reason is the new one.'),
      201: answer(stopView, 'The session takes no more turns as of this answer.'),
    },
  }),
  async (c) => {
    const { id, session: name } = c.req.valid('param');
    return await withOwner(c, id, async (owner) => {
      const fields = { costCenter: id, session: name, reason: c.req.valid('json').reason };
      const change = await stopSession(databaseOf(c), fields, authorshipOf(c));
      const reply = ({ row, isNew }: StopChange): Response => c.json(viewOfStop(row), isNew ? 201 : 200);
      return await confirmed(c, owner, name, { change, reply });
    });
  },
);

sessionStops.openapi(
  createRoute({
    method: 'delete',
    path: '/cost_centers/{id}/sessions/{session}/stop',
    request: { params: sessionParams },
    responses: { ...ERRORS, 204: { description: 'The session goes on.' } },
  }),
  async (c) => {
    const { id, session: name } = c.req.valid('param');
    return await withOwner(c, id, async (owner) => {
      const change = await liftStop(databaseOf(c), { costCenter: id, session: name }, authorshipOf(c));
      return await confirmed(c, owner, name, { change, reply: () => c.body(null, 204) });
    });
  },
);

sessionStops.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/session_stops',
    request: { params: ownerParams, query: z.strictObject(pageQuery) },
    responses: { ...ERRORS, 200: answer(pageOfSchema(stopView), 'Stopped right now, last changed first.') },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async ({ id }) => {
      const page = await pageOf(
        { list: 'session_stops', cost_center: id },
        c.req.valid('query'),
        ({ after, limit }) =>
          listStops(databaseOf(c), id, { after: after === null ? null : Number(after), limit }),
        (row) => String(row.revision),
      );
      if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
      return c.json({ ...page, data: page.data.map(viewOfStop) }, 200);
    }),
);
