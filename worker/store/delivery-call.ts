/** Calls to a delivery object, which may hang on a destination: whoever asks has something else to answer with. */
import { withinTime } from '../../durable-objects/ledger/deadline.ts';
import type { AlertEvent } from '../../durable-objects/ledger/entry.ts';
import type { Bindings } from '../bindings.ts';
import type { CostCenter } from './cost-centers.ts';
import { alertDeliveryOf } from './wallets.ts';

/** What it answered; null where it is away or did not answer within `limitMs`. Asked once. */
export async function askDelivery<T>(call: () => Promise<T>, limitMs: number): Promise<T | null> {
  try {
    return await withinTime(call(), limitMs);
  } catch (error) {
    console.warn({ message: 'the delivery of alerts did not answer', error: String(error) });
    return null;
  }
}

type Owner = Pick<CostCenter, 'id' | 'jurisdiction'>;

const TRIES = 3;
const ACCEPT_WITHIN_MS = 2_000;
const RESOLVE_WITHIN_MS = 1_000;

/** Hands events over for delivery, each taken once however often it comes; false where no try got through. */
export async function handOver(
  bindings: Pick<Bindings, 'alerts'>,
  { id, jurisdiction }: Owner,
  events: readonly AlertEvent[],
): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const isTaken = await askDelivery(async () => {
      await alertDeliveryOf(bindings, id, jurisdiction).accept(id, events);
      return true;
    }, ACCEPT_WITHIN_MS);
    if (isTaken) return true;
  }
  return false;
}

/**
 * Has open incidents of a raised budget resolved; null: of all its subjects. Where that fails they resolve when the
 * window resets.
 */
export async function resolveIncidents(
  bindings: Pick<Bindings, 'alerts'>,
  { id, jurisdiction }: Owner,
  { budget, subject }: { budget: string; subject: string | null },
): Promise<void> {
  await askDelivery(
    async () => await alertDeliveryOf(bindings, id, jurisdiction).resolve(id, budget, subject),
    RESOLVE_WITHIN_MS,
  );
}
