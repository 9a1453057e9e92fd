/**
 * Moves what is due: events to their destinations' queues, then each destination in a lane of its own, several at once.
 * What comes in while it runs is taken up at once, so that a destination that hangs holds up no other.
 */
import { type LaneContext, serve } from './lane.ts';
import { plan } from './routing.ts';

/** A Worker has six connections at once. */
const LANES = 6;
/** Nothing new is begun after this; what is under way has its own timeouts. */
const RUN_MS = 20_000;
/** Events whose routes cannot be read are looked at again after this. */
const ROUTE_AGAIN_MS = 5_000;
/** A destination whose lane failed, by a bug, rests so long. */
const BROKEN_REST_MS = 60_000;

export class Pump {
  readonly #lanes = new Map<string, Promise<void>>();
  #woken = Promise.withResolvers<void>();
  #routeAgainMs = 0;

  /** There is something new: a run that goes on looks again. */
  wake(): void {
    this.#woken.resolve();
    this.#woken = Promise.withResolvers();
  }

  /** The routes changed: what waits for them need not wait. */
  routeAtOnce(): void {
    this.#routeAgainMs = 0;
    this.wake();
  }

  /** When events that wait for their routes are looked at, epoch ms. */
  routeAgainMs(): number {
    return this.#routeAgainMs;
  }

  /** Sends what is due until nothing is, or its time is over; resolves when nothing is under way. */
  async run(context: LaneContext): Promise<void> {
    try {
      await this.#move(context, context.sending.now() + RUN_MS);
    } finally {
      await Promise.all(this.#lanes.values());
    }
  }

  async #move(context: LaneContext, untilMs: number): Promise<void> {
    const { state, sending } = context;
    while (sending.now() < untilMs) {
      const woken = this.#woken.promise;
      const routedAll = await this.#route(context);
      for (const destination of state.dueDestinations(sending.now())) {
        if (this.#lanes.size < LANES && !this.#lanes.has(destination)) {
          this.#start(destination, context, untilMs);
        }
      }
      if (!routedAll) continue;
      if (this.#lanes.size === 0) return;
      await Promise.race([...this.#lanes.values(), woken]);
    }
  }

  #start(destination: string, context: LaneContext, untilMs: number): void {
    const lane = serve(destination, context, untilMs)
      .catch((error) => {
        console.error({
          message: 'a destination of alerts is not served',
          destination,
          error: String(error),
        });
        const { state, sending } = context;
        state.rests.rest(destination, sending.now() + BROKEN_REST_MS);
      })
      .finally(() => this.#lanes.delete(destination));
    this.#lanes.set(destination, lane);
  }

  /** Gives some waiting events to their destinations; true where no more can be routed now. */
  async #route({ state, sending, routesOf }: LaneContext): Promise<boolean> {
    if (this.#routeAgainMs > sending.now()) return true;
    const accepted = state.events.waiting();
    for (const costCenter of new Set(accepted.map((each) => each.costCenter))) {
      const routes = await routesOf(costCenter);
      if (!routes) {
        this.#routeAgainMs = sending.now() + ROUTE_AGAIN_MS;
        return true;
      }
      const nowMs = sending.now();
      state.storage.transactionSync(() => {
        for (const { event } of accepted.filter((each) => each.costCenter === costCenter)) {
          const planned = plan(event, routes.routes, nowMs);
          for (const each of planned) state.deliveries.add({ event, ...each, because: null }, nowMs);
          state.events.markRouted(event.event_id, planned.length > 0);
        }
      });
    }
    return accepted.length === 0;
  }
}
