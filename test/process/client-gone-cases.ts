/** Clients that leave on a real socket: the provider is cancelled, and what was written is charged. */
import { describe, expect, test } from 'vitest';
import { ledgerEntries, teamDay } from './demo-ledger.ts';
import { eventually } from './eventually.ts';
import type { FakeUpstream } from './fake-upstream.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { sendTurnOverSocket } from './leaving-client.ts';

const CANCELLED_WITHIN_MS = 1_000;
const IN_LEDGER_WITHIN_MS = 10_000;

export interface ClientGoneScene {
  /** Its provider is `upstream`; the turns are the demo team's, which has none under way. */
  gateway: GatewayProcess;
  upstream: FakeUpstream;
}

/** Declares the cases; `scene` is asked once they run. */
export function clientGoneCases(scene: () => ClientGoneScene): void {
  describe('a client that closes its socket', () => {
    test.each([
      ['before the head of a streamed answer', { stream: true, answer: 'silent' }],
      ['before a whole answer', { stream: false, answer: 'silent' }],
      ['in a stream that is silent', { stream: true, answer: 'stall' }],
    ] as const)('%s has its upstream call cancelled within a second and is charged', async (_, situation) => {
      const { gateway, upstream } = scene();
      upstream.answerWith(() => ({ kind: situation.answer }));
      const before = (await ledgerEntries(gateway.url)).map((each) => each.turn_id);
      const arrival = upstream.nextRequest();
      const client = await sendTurnOverSocket({ ...situation, url: gateway.url, key: gateway.key });
      const request = await arrival;
      if (situation.answer === 'stall') await client.answered;

      const left = Date.now();
      client.leave();
      expect(await request.ended).toBe(false);
      expect(Date.now() - left).toBeLessThan(CANCELLED_WITHIN_MS);

      const entry = await eventually('the entry', IN_LEDGER_WITHIN_MS, async () => {
        const entries = await ledgerEntries(gateway.url);
        return entries.find((each) => !before.includes(each.turn_id)) ?? null;
      });
      expect(entry).toMatchObject({ kind: 'charge', estimated: true, estimated_why: 'client_gone' });
      expect(entry.charged_nano_usd).toBeGreaterThan(0);
      expect(await teamDay(gateway.url)).toMatchObject({ held_usd: '0.00' });
    });

    test('in the moment the first bytes come is noticed too, however many do', async () => {
      const { gateway, upstream } = scene();
      upstream.answerWith(() => ({ kind: 'stall' }));
      const before = upstream.requests.length;
      const clients = await Promise.all(
        Array.from({ length: 64 }, () =>
          sendTurnOverSocket({ stream: true, url: gateway.url, key: gateway.key }),
        ),
      );
      await Promise.all(clients.map((client) => client.answered.then(client.leave)));
      const requests = upstream.requests.slice(before);
      expect(requests).toHaveLength(64);
      expect(await Promise.all(requests.map(({ ended }) => ended))).toEqual(requests.map(() => false));
      await eventually('an end of all holds', IN_LEDGER_WITHIN_MS, async () =>
        (await teamDay(gateway.url)).held_usd === '0.00' ? true : null,
      );
    });
  });
}
