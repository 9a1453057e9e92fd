/** What the ledger says of turns that were just played. */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { type AdminApi, expectReply } from '../local/admin-api.ts';

/** The ledger has an entry within 5 s; a turn that a client left is settled a little later. */
const WITHIN_MS = 20_000;
const EVERY_MS = 500;
/** How far the gateway's clock may be behind this machine's. */
const CLOCKS_APART_MS = 300_000;

const page = z.object({
  data: z.array(z.looseObject({ turn_id: z.string(), charged_nano_usd: z.number() })),
  next_cursor: z.string().nullable(),
});

/**
 * The nano-USD charged for each of these turns, as soon as the ledger has them all; those that it still lacks
 * after a while are left out. A turn costs the sum of its entries.
 */
export async function chargedFor(
  api: AdminApi,
  turns: readonly { costCenter: string; turnId: string }[],
  sinceMs: number,
): Promise<Map<string, number>> {
  const deadline = Date.now() + WITHIN_MS;
  const from = new Date(sinceMs - CLOCKS_APART_MS).toISOString();
  for (;;) {
    const charged = new Map<string, number>();
    for (const costCenter of new Set(turns.map((turn) => turn.costCenter))) {
      for await (const entry of entriesOf(api, costCenter, from)) {
        charged.set(entry.turn_id, (charged.get(entry.turn_id) ?? 0) + entry.charged_nano_usd);
      }
    }
    if (turns.every(({ turnId }) => charged.has(turnId)) || Date.now() > deadline) return charged;
    await pause(EVERY_MS);
  }
}

async function* entriesOf(api: AdminApi, costCenter: string, from: string) {
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ cost_center: costCenter, from, limit: '1000' });
    if (cursor !== null) query.set('cursor', cursor);
    const { data, next_cursor }: z.infer<typeof page> = expectReply(
      await api.get(`/ledger?${query}`),
      200,
      page,
    );
    yield* data;
    cursor = next_cursor;
  } while (cursor !== null);
}
