/** `/alerts`: the stages crossed and other events somebody should hear of, newest first. */
import { createRoute, z } from '@hono/zod-openapi';
import type { AlertEvent } from '../../../durable-objects/ledger/entry.ts';
import { listAlertEvents } from '../../store/ledger.ts';
import { adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';

const textOrNull = z.string().nullable();

const count = z.number().int();
const contextView = z
  .object({
    top_developers: z.array(z.object({ developer: z.string(), settled_nano_usd: count })),
    top_sessions: z.array(z.object({ session: z.string(), developer: z.string(), settled_nano_usd: count })),
    top_lines: z.array(z.object({ line: z.string(), settled_nano_usd: count })),
    pace_nano_usd_an_hour: count,
    runs_out_at: textOrNull,
  })
  .openapi('AlertContext');

const alertView = z
  .object({
    event_id: z.string(),
    cost_center: z.string(),
    on: z.string().openapi({ example: 'stage:downgrade' }),
    occurred_at: z.string(),
    turn_id: textOrNull,
    session: textOrNull,
    developer: textOrNull,
    policy_version: z.number().int().nullable(),
    budget: textOrNull,
    subject: textOrNull,
    stage: textOrNull,
    window_start: textOrNull,
    resets_at: textOrNull,
    standing: z.unknown(),
    context: contextView.nullable(),
  })
  .openapi('AlertEvent') satisfies z.ZodType<AlertEvent>;

const filterQuery = z.strictObject({ cost_center: z.string().optional(), ...pageQuery });

export const alerts = adminRouter();

alerts.openapi(
  createRoute({
    method: 'get',
    path: '/alerts',
    request: { query: filterQuery },
    responses: { ...ERRORS, 200: answer(pageOfSchema(alertView), 'Newest first.') },
  }),
  async (c) => {
    const query = c.req.valid('query');
    const costCenter = query.cost_center ?? null;
    const page = await pageOf(
      { list: 'alerts', cost_center: costCenter },
      query,
      (each) => listAlertEvents(databaseOf(c), costCenter, each),
      (event) => event.event_id,
    );
    return page ? c.json(page, 200) : fail(c.get('requestId'), WRONG_CURSOR);
  },
);
