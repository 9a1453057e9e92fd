/** `/alerts`: the stages crossed and other events somebody should hear of, newest first, and who did hear. */
import { createRoute, z } from '@hono/zod-openapi';
import type { AlertEvent } from '../../../durable-objects/ledger/entry.ts';
import { recordAct } from '../../store/audit.ts';
import { findCostCenter } from '../../store/cost-centers.ts';
import { askDelivery } from '../../store/delivery-call.ts';
import { findAlertEvent, listAlertEvents } from '../../store/ledger.ts';
import { alertDeliveryOf } from '../../store/wallets.ts';
import { deliveriesOf, deliveryView } from './alert-deliveries.ts';
import { adminRouter, authorshipOf, databaseOf } from './context.ts';
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

const deliveredAlert = alertView
  .extend({
    deliveries: z.array(deliveryView).nullable().openapi({
      description: 'One a destination, with every attempt; null where delivery could not be asked.',
    }),
  })
  .openapi('DeliveredAlert');

const filterQuery = z.strictObject({ cost_center: z.string().optional(), ...pageQuery });

export const alerts = adminRouter();

alerts.openapi(
  createRoute({
    method: 'get',
    path: '/alerts',
    request: { query: filterQuery },
    responses: { ...ERRORS, 200: answer(pageOfSchema(deliveredAlert), 'Newest first.') },
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
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    const deliveries = await deliveriesOf(c, page.data);
    const data = page.data.map((event) => ({ ...event, deliveries: deliveries.get(event.event_id) ?? null }));
    return c.json({ ...page, data }, 200);
  },
);

const RESEND_WITHIN_MS = 3_000;
const resent = z.object({ resent: count }).openapi('ResentAlert');

alerts.openapi(
  createRoute({
    method: 'post',
    path: '/alerts/{event_id}/resend',
    request: { params: z.object({ event_id: z.string() }) },
    responses: { ...ERRORS, 200: answer(resent, 'How many dead letters are tried again.') },
  }),
  async (c) => {
    const { event_id: eventId } = c.req.valid('param');
    const requestId = c.get('requestId');
    const database = databaseOf(c);
    const event = await findAlertEvent(database, eventId);
    if (!event) return fail(requestId, { why: 'unknown', what: `alert event ${eventId}` });
    const { cost_center: costCenter } = event;
    const owner = await findCostCenter(database, costCenter);
    const act = { action: 'alert.resend', costCenter: owner?.id ?? null, target: eventId, after: null };
    await recordAct(database, act, authorshipOf(c));
    const letters = await askDelivery(
      async () =>
        await alertDeliveryOf(c.get('bindings'), costCenter, owner?.jurisdiction ?? null).resend(eventId),
      RESEND_WITHIN_MS,
    );
    if (letters === null) return fail(requestId, { why: 'delivery_away' });
    return c.json({ resent: letters }, 200);
  },
);
