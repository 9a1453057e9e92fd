/** Serves one destination: one message after the other, each recorded before it is sent and after. */
import type { AlertEvent } from '../ledger/entry.ts';
import { compose } from './compose.ts';
import type { Batch } from './deliveries.ts';
import { nameOfType } from './delivery-views.ts';
import { attempted, final, type Outcome } from './destinations/outcome.ts';
import { endIncident, keepsIncidents, type SendingContext, send } from './destinations/send.ts';
import type { DueIncident } from './incidents.ts';
import { REST_MS } from './retry.ts';
import { destinationsOf, openDestination, type RoutesInForce } from './routes-copy.ts';
import { plan } from './routing.ts';
import type { DeliveryState } from './state.ts';

/** Then another destination may have the lane. */
const MESSAGES_A_TURN = 10;
const UNKNOWN = 'not sent: the routes in force do not name this destination any more';
const DISABLED = 'not sent: the receiver answered 410; it gets nothing until its routes are changed';
const SEALED = 'not sent: its credential cannot be opened any more; configure it anew';

export interface LaneContext {
  state: DeliveryState;
  sending: SendingContext;
  /** The routes in force of a cost center; null where they cannot be read. */
  routesOf(costCenter: string): Promise<RoutesInForce | null>;
}

/** Sends some of what is due to a destination: until nothing is, it has to rest, or it is `untilMs` (epoch ms). */
export async function serve(destination: string, lane: LaneContext, untilMs: number): Promise<void> {
  const { state, sending } = lane;
  for (let messages = 0; messages < MESSAGES_A_TURN; messages += 1) {
    const nowMs = sending.now();
    if (nowMs >= untilMs || state.rests.until(destination) > nowMs) return;
    const batch = state.deliveries.next(destination, nowMs);
    const incident = batch ? null : state.incidents.next(destination, nowMs);
    if (batch) await deliver(batch, lane);
    else if (incident) await resolve(incident, lane);
    else return;
  }
}

async function deliver(batch: Batch, lane: LaneContext): Promise<void> {
  const { state, sending } = lane;
  const accepted = state.events.find(batch.rows.map((row) => row.event_id)).sort(gravestFirst(batch));
  const [first, ...more] = accepted;
  if (!first) throw new Error(`delivery ${batch.rows[0].id} has no event`);
  const routes = await lane.routesOf(first.costCenter);
  if (!routes) return state.rests.rest(batch.destination, sending.now() + REST_MS);
  const events: [AlertEvent, ...AlertEvent[]] = [first.event, ...more.map(({ event }) => event)];
  state.storage.transactionSync(() => {
    state.deliveries.begin(batch, sending.now());
    if (keepsIncidents(batch.rows[0].type)) {
      state.incidents.open(batch, first.costCenter, events, sending.now());
    }
  });
  const outcome = await attempted(() => attempt(batch, events, routes, lane));
  state.storage.transactionSync(() => conclude(batch, events, outcome, routes, lane));
}

/** The event whose turn it is leads its digest. */
function gravestFirst({ rows }: Batch): (a: { event: AlertEvent }, b: { event: AlertEvent }) => number {
  const order = new Map(rows.map((row, index) => [row.event_id, index]));
  return (a, b) => (order.get(a.event.event_id) ?? 0) - (order.get(b.event.event_id) ?? 0);
}

async function attempt(
  batch: Batch,
  events: readonly [AlertEvent, ...AlertEvent[]],
  routes: RoutesInForce,
  { state, sending }: LaneContext,
): Promise<Outcome> {
  const sealed = destinationsOf(routes.routes).find(({ id }) => id === batch.destination);
  if (!sealed) return final(null, UNKNOWN);
  if (state.rests.isDisabled(batch.destination, routes.revision)) return final(null, DISABLED);
  const destination = await openDestination(sealed, sending.settings.secrets);
  if (!destination) return final(null, SEALED);
  const { messageId: id, severity, because, readyAtMs } = batch;
  const composing = { id, severity, named: routes.named, because, readyAtMs };
  const message = await compose(events, composing, sending.settings);
  return await send(destination, message, sending);
}

/** Call inside a transaction. */
function conclude(
  batch: Batch,
  events: readonly AlertEvent[],
  outcome: Outcome,
  routes: RoutesInForce,
  { state, sending }: LaneContext,
): void {
  const nowMs = sending.now();
  const isDead = state.deliveries.end(batch, outcome, nowMs);
  if (outcome.result === 'delivered') {
    state.rests.wake(batch.destination);
  } else if (outcome.result === 'later') {
    state.rests.rest(batch.destination, nowMs + Math.max(REST_MS, outcome.retryAfterMs ?? 0));
  } else if (outcome.isGone) {
    state.rests.disable(batch.destination, routes.revision);
  }
  if (outcome.result === 'delivered' || !isDead) return;
  state.incidents.drop(batch);
  if (batch.because !== null) return;
  for (const event of events) {
    const isElsewhere = outcome.problem === UNKNOWN && routeAnew(event, routes, state, nowMs);
    if (!isElsewhere) fallBack(batch, event, outcome.problem, routes, state, nowMs);
  }
}

/** The routes changed under a message on its way: it goes where they lead now. False where that adds nobody. */
function routeAnew(
  event: AlertEvent,
  { routes }: RoutesInForce,
  state: DeliveryState,
  nowMs: number,
): boolean {
  const added = plan(event, routes, nowMs).map((planned) =>
    state.deliveries.add({ event, ...planned, because: null }, nowMs),
  );
  return added.includes(true);
}

function fallBack(
  batch: Batch,
  event: AlertEvent,
  problem: string,
  { routes }: RoutesInForce,
  state: DeliveryState,
  nowMs: number,
): void {
  const because = `${nameOfType(batch.rows[0].type)} (${batch.destination}): ${problem}`;
  for (const destination of routes.fallback) {
    state.deliveries.add({ event, destination, severity: batch.severity, heldUntilMs: null, because }, nowMs);
  }
}

async function resolve(incident: DueIncident, lane: LaneContext): Promise<void> {
  const { state, sending } = lane;
  const routes = await lane.routesOf(incident.cost_center);
  if (!routes) return state.rests.rest(incident.destination, sending.now() + REST_MS);
  const outcome = await attempted(async () => {
    const sealed = destinationsOf(routes.routes).find(({ id }) => id === incident.destination);
    const destination = sealed ? await openDestination(sealed, sending.settings.secrets) : null;
    if (!destination) return final(null, sealed ? SEALED : UNKNOWN);
    return await endIncident(destination, incident.message_id, sending);
  });
  state.storage.transactionSync(() => {
    state.incidents.end(incident, outcome, sending.now());
    if (outcome.result === 'later') {
      state.rests.rest(incident.destination, sending.now() + Math.max(REST_MS, outcome.retryAfterMs ?? 0));
    }
  });
}
