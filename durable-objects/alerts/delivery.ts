/**
 * Delivery of alerts: one object a cost center and one of the organisation, apart from the wallets, so that a
 * destination that hangs delays no turn and no other team. It keeps what it accepted until each destination has it or it
 * is a dead letter that people can see and send again.
 *
 * Nothing is sent in a call: calls write and set the alarm. The alarm never throws, and its work is bounded.
 */
import { DurableObject } from 'cloudflare:workers';
import { type AlertSettings, type AlertVariables, readAlertSettings } from '../core/alerting/settings.ts';
import type { Renaming } from '../core/pseudonym.ts';
import type { AlertEvent } from '../ledger/entry.ts';
import { migrateObject } from '../ledger/object-tables.ts';
import { deliveriesOf } from './delivery-views.ts';
import type { SendingContext } from './destinations/send.ts';
import { Pump } from './pump.ts';
import type { AlertDeliveryRpc, Delivery, TestResult } from './rpc.ts';
import { VERSIONS } from './schema.ts';
import { DeliveryState, KEPT_MS } from './state.ts';
import { tryDestinations } from './trial.ts';

/** What delivery needs of the deployment. */
export interface AlertDeliveryEnv extends AlertVariables {
  DB: D1Database;
  /** Without it no mail can be sent. */
  EMAIL?: SendEmail;
}

/** The alarm is there again by then where the object goes in the middle of a run. */
const GUARD_MS = 5_000;
/** A deployment that is not configured is looked at again after this. */
const UNCONFIGURED_MS = 60_000;

export class AlertDelivery extends DurableObject<AlertDeliveryEnv> implements AlertDeliveryRpc {
  readonly #state: DeliveryState;
  readonly #pump = new Pump();

  constructor(ctx: DurableObjectState, env: AlertDeliveryEnv) {
    super(ctx, env);
    migrateObject(ctx.storage, VERSIONS);
    this.#state = new DeliveryState(ctx.storage);
    ctx.blockConcurrencyWhile(async () => {
      const alarmMs = await ctx.storage.getAlarm();
      if (alarmMs === null || alarmMs > Date.now()) await this.#armAlarm();
    });
  }

  async accept(costCenter: string, events: readonly AlertEvent[]): Promise<void> {
    const nowMs = Date.now();
    this.ctx.storage.transactionSync(() => {
      for (const event of events) this.#state.events.accept(costCenter, event, nowMs);
    });
    await this.#sendSoon();
  }

  async deliveries(eventIds: readonly string[]): Promise<Record<string, Delivery[]>> {
    return deliveriesOf(this.ctx.storage.sql, eventIds);
  }

  async resend(eventId: string): Promise<number> {
    const destinations = this.#state.deliveries.revive(eventId, Date.now());
    for (const destination of destinations) this.#state.rests.wake(destination);
    await this.#sendSoon();
    return destinations.length;
  }

  async sendTest(costCenter: string): Promise<TestResult[]> {
    const sending = this.#sending(this.#settings());
    const routes = await this.#state.routes.fresh(this.env.DB, costCenter, Date.now);
    return await tryDestinations(costCenter, crypto.randomUUID(), routes, sending);
  }

  async routesChanged(costCenter: string): Promise<void> {
    this.#state.routes.drop(costCenter);
    this.#pump.routeAtOnce();
    await this.#armAlarm();
  }

  async resolve(costCenter: string, budget: string, subject: string | null): Promise<void> {
    this.#state.incidents.resolve(costCenter, budget, subject, Date.now());
    await this.#sendSoon();
  }

  async rename(renaming: Renaming): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      this.#state.events.rename(renaming);
      this.#state.deliveries.rename(renaming);
      this.#state.incidents.rename(renaming);
      this.#state.slackUsers.forget(renaming.developer);
    });
  }

  override async alarm(): Promise<void> {
    try {
      await this.ctx.storage.setAlarm(Date.now() + GUARD_MS);
      const sending = this.#sending(this.#settings());
      const routesOf = (costCenter: string) => this.#state.routes.current(this.env.DB, costCenter, Date.now);
      await this.#pump.run({ state: this.#state, sending, routesOf });
      this.#state.forget(Date.now());
      await this.#armAlarm();
    } catch (error) {
      console.error({ message: 'alerts are not delivered', error: String(error) });
      await this.ctx.storage.setAlarm(Date.now() + UNCONFIGURED_MS);
    }
  }

  /** Throws where the deployment is not configured, which every request to the Worker is told too. */
  #settings(): AlertSettings {
    const settings = readAlertSettings(this.env);
    if (!settings.ok) throw new Error(settings.error);
    return settings.value;
  }

  #sending(settings: AlertSettings): SendingContext {
    return { settings, mail: this.env.EMAIL ?? null, slackUsers: this.#state.slackUsers, now: Date.now };
  }

  /** A run that goes on takes it up; else the alarm does. */
  async #sendSoon(): Promise<void> {
    this.#pump.wake();
    await this.#armAlarm();
  }

  /** Sets the alarm to when something is to be done; none with nothing to do. */
  async #armAlarm(): Promise<void> {
    const { events } = this.#state;
    const oldestMs = events.oldestMs();
    const times = [
      this.#state.nextDueMs(),
      events.areWaiting() ? this.#pump.routeAgainMs() : null,
      oldestMs === null ? null : oldestMs + KEPT_MS,
    ].filter((each) => each !== null);
    if (times.length === 0) return await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.setAlarm(Math.max(Math.min(...times), Date.now()));
  }
}
