/** A turn as its table keeps it, and how it is read. */
import { z } from 'zod';
import type { Progress, SettleRequest } from './rpc.ts';
import type { Charge, OpenedTurn, TurnRow } from './turns.ts';

export interface StoredRow extends Record<string, SqlStorageValue> {
  turn_id: string;
  state: string;
  opened_at_ms: number;
  lease_expires_at_ms: number;
  opened: string | null;
  progress: string | null;
  settlement: string | null;
  charge: string | null;
}

/** JSON this object wrote itself; its shape is this file's own. */
function fromOwnJson<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}

/** Fields that turns written by earlier versions lack. */
const OPENED_BEFORE = { prior: null, priceBook: null, billedAttempts: 0, sentBefore: null };
const CHARGED_BEFORE = { askedNanoUsd: null, chargedPriceVersion: null };

function openedOf(text: string | null): OpenedTurn | null {
  const opened = fromOwnJson<OpenedTurn>(text);
  return opened && { ...OPENED_BEFORE, ...opened };
}

function chargeOf(text: string | null): Charge | null {
  const charge = fromOwnJson<Partial<Charge> & Omit<Charge, 'listNanoUsd'>>(text);
  return charge && { ...CHARGED_BEFORE, listNanoUsd: charge.nanoUsd, ...charge };
}

const stateSchema = z.enum(['open', 'settled', 'released', 'expired', 'refused']);

export function toTurnRow(row: StoredRow): TurnRow {
  return {
    turnId: row.turn_id,
    state: stateSchema.parse(row.state),
    openedAtMs: row.opened_at_ms,
    leaseExpiresAtMs: row.lease_expires_at_ms,
    opened: openedOf(row.opened),
    progress: fromOwnJson<Progress>(row.progress),
    settlement: fromOwnJson<SettleRequest>(row.settlement),
    charge: chargeOf(row.charge),
  };
}
