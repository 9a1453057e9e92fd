/** An alert event as a wallet writes it. */
import { ulid } from 'ulid';
import { type AlertEvent, ORGANISATION } from '../../durable-objects/ledger/entry.ts';

let count = 0;

/** Ids in the order they were asked for, whatever the clock shows. */
export function eventId(): string {
  count += 1;
  return ulid(Date.UTC(2035, 5, 13) + count);
}

export function alertEvent(changes: Partial<AlertEvent> = {}): AlertEvent {
  return {
    event_id: '01K9F0000000000000000000AA',
    cost_center: 'platform-squad',
    on: 'stage:alert',
    occurred_at: '2035-06-13T12:00:00.000Z',
    turn_id: 'turn-1',
    session: 'session-1',
    developer: 'dev@example.com',
    policy_version: 3,
    budget: 'team-day',
    subject: 'platform-squad',
    stage: 'team-day@0.80',
    window_start: '2035-06-13T00:00:00.000Z',
    resets_at: '2035-06-14T00:00:00.000Z',
    standing: {
      budget: 'team-day',
      scope: 'cost_center',
      subject: 'platform-squad',
      line: null,
      window_start: '2035-06-13T00:00:00.000Z',
      resets_at: '2035-06-14T00:00:00.000Z',
      limit_nano_usd: 500_000_000_000,
      raised_nano_usd: 0,
      settled_nano_usd: 412_000_000_000,
      held_nano_usd: 1_500_000_000,
      expected_nano_usd: 1_200_000_000,
    },
    context: {
      top_developers: [
        { developer: 'dev@example.com', settled_nano_usd: 200_000_000_000 },
        { developer: 'ana@example.com', settled_nano_usd: 112_000_000_000 },
      ],
      top_sessions: [
        { session: 'session-1', developer: 'dev@example.com', settled_nano_usd: 90_000_000_000 },
      ],
      top_lines: [{ line: 'opus', settled_nano_usd: 350_000_000_000 }],
      pace_nano_usd_an_hour: 45_200_000_000,
      runs_out_at: '2035-06-13T13:57:00.000Z',
    },
    ...changes,
  };
}

/** Of the organisation: the ledger and another book differ. */
export function organisationEvent(changes: Partial<AlertEvent> = {}): AlertEvent {
  return alertEvent({
    cost_center: ORGANISATION,
    on: 'reconciliation',
    turn_id: null,
    session: null,
    developer: null,
    policy_version: null,
    budget: null,
    subject: '2035-06-12',
    stage: null,
    window_start: null,
    resets_at: null,
    standing: { kind: 'upstream', difference_usd: '12.34' },
    context: null,
    ...changes,
  });
}
