/** Where alerts are delivered from: one object a cost center and jurisdiction, and one of the organisation. */
import type { AlertDeliveryRpc } from '../../durable-objects/alerts/rpc.ts';
import type { Bindings } from '../bindings.ts';

/** The delivery object of a cost center, or of ORGANISATION. Throws where the jurisdiction is not known here. */
export function alertDeliveryOf(
  { alerts }: Pick<Bindings, 'alerts'>,
  costCenter: string,
  jurisdiction: 'eu' | null,
): AlertDeliveryRpc {
  if (!alerts) throw new Error('ALERTS: expected a Durable Object binding');
  const namespace = jurisdiction === null ? alerts : alerts.jurisdiction(jurisdiction);
  return namespace.get(namespace.idFromName(costCenter));
}
