/** Alert events with what became of them, asked of the objects that deliver them. */
import { expect, test, vi } from 'vitest';
import type { Delivery } from '../../../durable-objects/alerts/rpc.ts';
import type { AlertEvent } from '../../../durable-objects/ledger/entry.ts';
import { call, makeCostCenter, rows } from './admin-calls.ts';
import { deliveryLine } from './delivery-line.ts';
import { addAlerts } from './ledger-rows.ts';

function alert(costCenter: string, eventId: string): AlertEvent {
  return {
    event_id: eventId,
    cost_center: costCenter,
    on: 'stage:pause',
    occurred_at: '2026-11-23T00:00:00.000Z',
    turn_id: null,
    session: null,
    developer: null,
    policy_version: 1,
    budget: 'team-day',
    subject: costCenter,
    stage: 'team-day@1.10',
    window_start: null,
    resets_at: null,
    standing: {},
    context: null,
  };
}

const DELIVERY: Delivery = {
  destination: { id: 'dst_1', type: 'email' },
  severity: 'error',
  state: 'dead',
  isFallback: true,
  attempts: [{ attempt: 1, at: '2026-11-23T00:00:01.000Z', status: 500, outcome: 'failed', problem: 'no' }],
  nextAt: null,
};

test('each event shows its deliveries with every attempt, null where its object is away', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  for (const id of ['told', 'away']) await makeCostCenter(id);
  await addAlerts([alert('told', 'e1'), alert('told', 'e2'), alert('away', 'e3'), alert('*', 'e4')]);
  const line = deliveryLine({
    deliveries: async (ids) => {
      if (ids.includes('e3')) throw new Error('away');
      return { e1: [DELIVERY] };
    },
  });
  const listed = rows(await call('GET', '/alerts', undefined, { ALERTS: line.ALERTS }));
  expect(listed).toMatchObject([
    { event_id: 'e4', deliveries: [] },
    { event_id: 'e3', deliveries: null },
    { event_id: 'e2', deliveries: [] },
    {
      event_id: 'e1',
      deliveries: [
        {
          destination: { id: 'dst_1', type: 'email' },
          severity: 'error',
          state: 'dead',
          is_fallback: true,
          attempts: [{ attempt: 1, status: 500, outcome: 'failed', problem: 'no' }],
          next_at: null,
        },
      ],
    },
  ]);
  expect(line.told).toContainEqual({ object: 'told', call: 'deliveries', given: [['e2', 'e1']] });
  expect(line.told).toHaveLength(3);
});

test('dead letters are sent again, which the audit log tells; of no event it is a 404', async () => {
  await makeCostCenter('again');
  await addAlerts([alert('again', 'again-1')]);
  const line = deliveryLine({ resend: async () => 2 });
  const bindings = { ALERTS: line.ALERTS };
  const answer = await call('POST', '/alerts/again-1/resend', undefined, bindings);
  expect(answer).toMatchObject({ status: 200, body: { resent: 2 } });
  expect(line.told).toEqual([{ object: 'again', call: 'resend', given: ['again-1'] }]);
  expect(rows(await call('GET', '/audit?cost_center=again&limit=1'))).toMatchObject([
    { action: 'alert.resend', target: 'again-1' },
  ]);
  expect((await call('POST', '/alerts/nothing/resend', undefined, bindings)).status).toBe(404);
  const away = deliveryLine({ resend: () => Promise.reject(new Error('away')) });
  expect((await call('POST', '/alerts/again-1/resend', undefined, { ALERTS: away.ALERTS })).status).toBe(503);
});
