/** A stand-in for the delivery objects: notes what it is told and answers what the test says. */
import type { AlertDeliveryRpc } from '../../../durable-objects/alerts/rpc.ts';
import type { Env } from '../../../worker/bindings.ts';

type Told = { object: string; call: keyof AlertDeliveryRpc; given: unknown[] };

export interface DeliveryLine {
  /** Every call, in order, with the name of its object. */
  told: Told[];
  ALERTS: NonNullable<Env['ALERTS']>;
}

/** `answers` say what a call comes back with; where it has none for it, the call answers nothing. */
export function deliveryLine(answers: Partial<AlertDeliveryRpc> = {}): DeliveryLine {
  const told: Told[] = [];
  const get = (object: string): unknown =>
    new Proxy(answers, {
      get: (_, name) => {
        const call = name as keyof AlertDeliveryRpc;
        return async (...given: unknown[]) => {
          told.push({ object, call, given });
          const reply: unknown = answers[call];
          return typeof reply === 'function' ? await reply(...given) : undefined;
        };
      },
    });
  const ALERTS = { idFromName: (name: string) => name, get } as unknown as DeliveryLine['ALERTS'];
  return { told, ALERTS };
}
