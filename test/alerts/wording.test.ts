import { describe, expect, test } from 'vitest';
import { compose } from '../../durable-objects/alerts/compose.ts';
import { toHtml } from '../../durable-objects/alerts/destinations/email.ts';
import { LINK_PURPOSE } from '../../durable-objects/alerts/links.ts';
import { toText } from '../../durable-objects/alerts/message.ts';
import { readAlertSettings } from '../../durable-objects/core/alerting/settings.ts';
import type { AlertEvent } from '../../durable-objects/ledger/entry.ts';
import { verifyText } from '../../durable-objects/ledger/sealed.ts';
import { alertEvent, organisationEvent } from './alert-event.ts';

const SECRETS = [
  { generation: 2, secret: 'newest-secret-of-the-second-generation-2' },
  { generation: 1, secret: 'oldest-secret-of-the-first-generation-01' },
];
const READY_AT_MS = Date.parse('2035-06-13T12:00:00.000Z');

function settingsOf(publicUrl: string | undefined) {
  const read = readAlertSettings({
    KEY_SECRETS: SECRETS.map(({ generation, secret }) => `${generation}:${secret}`).join(','),
    PUBLIC_URL: publicUrl,
  });
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

async function messageOf(event: AlertEvent, publicUrl: string | undefined = 'https://bursar.example') {
  const composing = {
    id: event.event_id,
    severity: 'warning' as const,
    named: { name: 'Platform Squad', timezone: 'Europe/Berlin' },
    because: null,
    readyAtMs: READY_AT_MS,
  };
  return await compose([event], composing, settingsOf(publicUrl));
}

test('an alert says who, what, how much, who spent it, how long it lasts, what is done and what can be', async () => {
  const message = await messageOf(alertEvent());
  expect(toText({ ...message, links: [] })).toBe(
    `platform-squad: team-day at 82 %, warning

Cost center: Platform Squad (platform-squad)
Budget: team-day
Spent: $412.00 of $500.00 (82 %)
Held by running turns: $1.50
Stage: team-day@0.80
Pace: $45.20 an hour
At this pace: it runs out Wed 13 Jun, 15:57 (Europe/Berlin)
Resets: Thu 14 Jun, 02:00 (Europe/Berlin)
Happened: Wed 13 Jun, 14:00 (Europe/Berlin)
Developer: dev@example.com
Session: session-1
Turn: turn-1
Policy version: 3

Now:
- Bursar warns only: turns go on as they were asked for.

Who spent most:
- dev@example.com: $200.00
- ana@example.com: $112.00

Sessions:
- session-1 (dev@example.com): $90.00

Models:
- opus: $350.00`,
  );
});

test.each<[changes: Partial<AlertEvent>, title: string]>([
  [{ on: 'stage:downgrade' }, 'platform-squad: team-day at 82 %, stepping down'],
  [{ on: 'stage:pause' }, 'platform-squad: team-day at 82 %, paused'],
  [{ subject: 'dev@example.com' }, 'platform-squad: team-day of dev@example.com at 82 %, warning'],
  [{ on: 'projection' }, 'platform-squad: team-day runs out at Wed 13 Jun, 15:57 (Europe/Berlin)'],
  [
    { on: 'unknown_model', budget: null, subject: 'claude-next', standing: null, context: null },
    'platform-squad: An unknown model was used: claude-next',
  ],
  [{ standing: 'nobody knows', context: null }, 'platform-squad: warning: platform-squad'],
  [
    {
      on: 'increase_request',
      subject: 'dev@example.com',
      standing: { request_id: 'r1', extra_usd: '25.00', reason: 'a release', developer: 'dev@example.com' },
    },
    'platform-squad: dev@example.com asks for $25.00 more (team-day of dev@example.com)',
  ],
])('the title of %j', async (changes, title) => {
  expect((await messageOf(alertEvent(changes))).title).toBe(title);
});

test('what is of the organisation says so, with the facts beside it', async () => {
  const { title, facts, links } = await messageOf(organisationEvent());
  expect(title).toBe('Bursar: The ledger and another book differ: 2035-06-12');
  expect(facts).toEqual(
    expect.arrayContaining([
      { name: 'Cost center', value: 'The organisation' },
      { name: 'difference usd', value: '12.34' },
    ]),
  );
  expect(links).toEqual([]);
});

test('a title fits a line, however long the names', async () => {
  const long = 'x'.repeat(400);
  const { title, facts } = await messageOf(
    alertEvent({ budget: long, subject: long, session: `${long}\n${long}` }),
  );
  expect(title.length).toBeLessThanOrEqual(120);
  expect(facts.every(({ value }) => value.length <= 240 && !value.includes('\n'))).toBe(true);
});

describe('links', () => {
  async function payloadsOf(event: AlertEvent): Promise<unknown[]> {
    const { links } = await messageOf(event);
    return await Promise.all(
      links.map(async ({ url }) => {
        const [, signed = ''] = /^https:\/\/bursar\.example\/alerts\/act\/(.+)$/.exec(url) ?? [];
        expect(signed.split('.')[1]).toBe('2');
        return JSON.parse((await verifyText(signed, LINK_PURPOSE, SECRETS)) ?? 'null');
      }),
    );
  }

  test('of a budget raise it or leave it, for three days', async () => {
    const event = alertEvent({ subject: 'dev@example.com' });
    const payload = {
      event: event.event_id,
      cost_center: 'platform-squad',
      budget: 'team-day',
      subject: 'dev@example.com',
      request: null,
      expires: READY_AT_MS / 1_000 + 72 * 3_600,
    };
    expect(await payloadsOf(event)).toEqual(
      ['raise_until_midnight', 'raise_to', 'leave'].map((action) => ({
        ...payload,
        action,
        id: `${event.event_id}-${action}`,
      })),
    );
  });

  test('of an increase request approve or deny it, for a day', async () => {
    const standing = {
      request_id: 'req_1',
      extra_usd: '25.00',
      reason: 'a release',
      developer: 'dev@example.com',
    };
    const payloads = await payloadsOf(alertEvent({ on: 'increase_request', standing }));
    expect(payloads).toMatchObject(
      ['approve', 'deny'].map((action) => ({
        action,
        request: 'req_1',
        expires: READY_AT_MS / 1_000 + 24 * 3_600,
      })),
    );
  });

  test('are not there without a public address: the message says where to go', async () => {
    const { links, sections } = await messageOf(alertEvent(), '');
    expect(links).toEqual([]);
    expect(sections.at(-1)).toEqual({
      heading: 'What you can do (there are no links: PUBLIC_URL is not set)',
      lines: ['Raise the budget: POST /admin/v1/cost_centers/platform-squad/raises, or change its policy.'],
    });
  });
});

test('in HTML no name is markup', async () => {
  const name = `<img src=x onerror=alert(1)>"'&`;
  const html = toHtml(await messageOf(alertEvent({ developer: name, session: name, subject: name })));
  expect(html).not.toContain('<img');
  expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;');
});
