/** `/months`: what was booked in each, and closing one. */
import { createRoute, z } from '@hono/zod-openapi';
import { type Closed, closeMonthOf, monthOf } from '../../finance/close-month.ts';
import { listMonths, type Month } from '../../store/months.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, ERRORS, optionalBody, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { reason } from './fields.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';
import { sumInUsd } from './sum-in-usd.ts';

const textOrNull = z.string().nullable();
const usd = z.string().openapi({ example: '85.20' });

const monthView = z
  .object({
    month: z.string().openapi({ example: '2026-11' }),
    state: z.enum(['open', 'closed']),
    closed_at: textOrNull,
    closed_by: textOrNull,
    reason: textOrNull,
    entries: z.number().int().openapi({
      description: 'Booked in the month, as far as its days are rolled up; of a closed month at its closing.',
    }),
    charged_usd: usd,
    list_usd: usd,
    late_entries: z.number().int().openapi({
      description: 'Those of them that came late to a month that was closed.',
    }),
    late_charged_usd: usd,
    pending_days: z.number().int().openapi({ description: 'Days of the month still to be rolled up.' }),
  })
  .openapi('Month');

function viewOfMonth(row: Month): z.infer<typeof monthView> {
  return {
    month: row.month,
    state: row.closedAt === null ? 'open' : 'closed',
    closed_at: row.closedAt,
    closed_by: row.closedBy,
    reason: row.reason,
    entries: row.entries,
    charged_usd: sumInUsd(row.chargedNanoUsd),
    list_usd: sumInUsd(row.listNanoUsd),
    late_entries: row.lateEntries,
    late_charged_usd: sumInUsd(row.lateChargedNanoUsd),
    pending_days: row.pendingDays,
  };
}

const monthParams = z.object({
  month: z
    .string()
    .regex(/^[2-9]\d{3}-(?:0[1-9]|1[0-2])$/, 'expected a month such as "2026-11"')
    .openapi({ example: '2026-11' }),
});
const closeBody = z.strictObject({ reason: reason.optional() }).openapi('MonthClose');

function replyToClosing(c: AdminContext, month: string, closed: Closed) {
  const conflict = (message: string) => fail(c.get('requestId'), { why: 'conflict', message });
  if (closed.outcome === 'not_over') return conflict(`${month} is not over yet (UTC)`);
  if (closed.outcome === 'not_rolled_up' || closed.month === null) {
    return conflict(`days up to the end of ${month} are not rolled up yet; try again`);
  }
  if (closed.outcome === 'closed_before') {
    return conflict(`${month} is closed already, since ${closed.month.closedAt} by ${closed.month.closedBy}`);
  }
  return c.json(viewOfMonth(closed.month), 200);
}

export const months = adminRouter();

months.openapi(
  createRoute({
    method: 'post',
    path: '/months/{month}/close',
    request: { params: monthParams, body: optionalBody(closeBody) },
    responses: { ...ERRORS, 200: answer(monthView, 'The month, closed.') },
  }),
  async (c) => {
    const { month } = c.req.valid('param');
    const { reason: given = null } = c.req.valid('json');
    const closing = { month, reason: given, nowMs: Date.now() };
    return replyToClosing(c, month, await closeMonthOf(c.get('bindings').db, closing, authorshipOf(c)));
  },
);

months.openapi(
  createRoute({
    method: 'get',
    path: '/months',
    request: { query: z.strictObject(pageQuery) },
    responses: { ...ERRORS, 200: answer(pageOfSchema(monthView), 'Newest first, with the present month.') },
  }),
  async (c) => {
    const page = await pageOf(
      { list: 'months' },
      c.req.valid('query'),
      ({ after, limit }) => listMonths(databaseOf(c), monthOf(Date.now()), { before: after, limit }),
      (row) => row.month,
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    return c.json({ ...page, data: page.data.map(viewOfMonth) }, 200);
  },
);
