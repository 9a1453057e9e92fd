/** What became of alert events, asked of the delivery objects of their cost centers. */
import { z } from '@hono/zod-openapi';
import type { Delivery } from '../../../durable-objects/alerts/rpc.ts';
import { SEVERITIES } from '../../../durable-objects/core/alerting/routes.ts';
import type { AlertEvent } from '../../../durable-objects/ledger/entry.ts';
import { jurisdictionsOf } from '../../store/cost-centers.ts';
import { askDelivery } from '../../store/delivery-call.ts';
import { alertDeliveryOf } from '../../store/wallets.ts';
import { type AdminContext, databaseOf } from './context.ts';

/** Objects asked for one page, at once; the events of others are shown without. */
const MAX_OBJECTS = 40;
const ANSWER_WITHIN_MS = 2_000;

const attemptView = z.object({
  attempt: z.number().int(),
  at: z.string(),
  status: z.number().int().nullable(),
  outcome: z.enum(['delivered', 'failed']),
  problem: z.string().nullable(),
});

export const deliveryView = z
  .object({
    destination: z.object({ id: z.string(), type: z.string() }),
    severity: z.enum(SEVERITIES),
    state: z.enum(['waiting', 'held', 'delivered', 'dead']).openapi({
      description: '`held`: until quiet hours end; `dead`: given up, can be sent again.',
    }),
    is_fallback: z.boolean().openapi({ description: 'It is here because another destination failed.' }),
    attempts: z.array(attemptView),
    next_at: z.string().nullable(),
  })
  .openapi('AlertDelivery');

function viewOfDelivery(delivery: Delivery): z.infer<typeof deliveryView> {
  const { destination, severity, state, isFallback, attempts, nextAt } = delivery;
  return { destination, severity, state, is_fallback: isFallback, attempts, next_at: nextAt };
}

/** The deliveries of these events by event id; an event whose object is away, or was not asked, is missing. */
export async function deliveriesOf(
  c: AdminContext,
  events: readonly AlertEvent[],
): Promise<ReadonlyMap<string, z.infer<typeof deliveryView>[]>> {
  const owners = [...new Set(events.map((event) => event.cost_center))].slice(0, MAX_OBJECTS);
  const jurisdictions = await jurisdictionsOf(databaseOf(c), owners);
  const replies = await Promise.all(
    owners.map((owner) => {
      const ids = events.filter((event) => event.cost_center === owner).map((event) => event.event_id);
      return askDelivery(async () => {
        const object = alertDeliveryOf(c.get('bindings'), owner, jurisdictions.get(owner) ?? null);
        const known = await object.deliveries(ids);
        return ids.map((id) => [id, (known[id] ?? []).map(viewOfDelivery)] as const);
      }, ANSWER_WITHIN_MS);
    }),
  );
  return new Map(replies.flatMap((reply) => reply ?? []));
}
