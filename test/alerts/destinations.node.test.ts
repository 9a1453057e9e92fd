import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { compose, composeTest } from '../../durable-objects/alerts/compose.ts';
import { endIncident, type SendingContext, send } from '../../durable-objects/alerts/destinations/send.ts';
import type { KnownSlackUsers } from '../../durable-objects/alerts/destinations/slack.ts';
import type { Message } from '../../durable-objects/alerts/message.ts';
import type { Destination } from '../../durable-objects/core/alerting/routes.ts';
import { type AlertSettings, readAlertSettings } from '../../durable-objects/core/alerting/settings.ts';
import { alertEvent, organisationEvent } from './alert-event.ts';
import { type DestinationAnswer, type FakeDestination, startFakeDestination } from './fake-destination.ts';
import {
  opsgenieAlert,
  opsgenieClose,
  pagerdutyEvent,
  slackPostMessage,
  slackWebhook,
  TEAMS_BYTES,
  teamsMessage,
  webhookPayload,
} from './vendor-schemas.ts';

const ROUTING_KEY = 'R0123456789abcdefghijklmnopqrstu';
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const FORMER_SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
const NOW_MS = Date.now();

let server: FakeDestination;
beforeAll(async () => {
  server = await startFakeDestination();
});
afterAll(async () => await server.close());
beforeEach(() => {
  server.requests.length = 0;
  server.answerWith((request) => OK[typeOf(request.path)] ?? { status: 404 });
});

function typeOf(path: string): string {
  return /^\/(\w+)/.exec(path)?.[1] ?? '';
}

/** What each vendor says when all is well. */
const OK: Record<string, DestinationAnswer> = {
  slack: { status: 200, body: '{"ok":true,"channel":"U1","ts":"1.2","user":{"id":"U024BE7LH"}}' },
  slackhook: { status: 200, body: 'ok' },
  teams: { status: 202 },
  v2: { status: 202, body: '{"status":"success","message":"Event processed","dedup_key":"x"}' },
  genie: { status: 202, body: '{"result":"Request will be processed","took":0.3,"requestId":"r"}' },
  webhook: { status: 204 },
};

function settingsOf(changes: Partial<AlertSettings> = {}): AlertSettings {
  const read = readAlertSettings({
    KEY_SECRETS: '1:test-secret-of-the-first-generation-0001',
    PUBLIC_URL: 'https://bursar.example',
    SLACK_BOT_TOKEN: 'xoxb-s3cret',
    SLACK_API_URL: `${server.url}/slack`,
    PAGERDUTY_EVENTS_URL: server.url,
    OPSGENIE_API_URL: `${server.url}/genie`,
    ALERTS_ALLOW_PRIVATE: 'true',
    ALERTS_TIMEOUT_MS: '300',
  });
  if (!read.ok) throw new Error(read.error);
  return { ...read.value, ...changes };
}

function contextOf(changes: Partial<AlertSettings> = {}): SendingContext & { slackUsers: KnownSlackUsers } {
  const users = new Map<string, string>();
  return {
    settings: settingsOf(changes),
    mail: null,
    slackUsers: {
      get: (email) => users.get(email) ?? null,
      put: (email, id) => void users.set(email, id),
      forget: (email) => void users.delete(email),
    },
    now: () => NOW_MS,
  };
}

const COMPOSING = {
  id: '01K9F0000000000000000000AA',
  severity: 'error' as const,
  named: { name: 'Platform Squad', timezone: 'Europe/Berlin' },
  because: null,
  readyAtMs: NOW_MS,
};

const HOSTILE = '<script>*_~`[x](http://evil.example)&<!channel>"\'\u202e\r\nBcc: x@evil.example';

async function messages(): Promise<Record<string, Message>> {
  const many = Array.from({ length: 100 }, (_, index) =>
    alertEvent({ event_id: `e${index}`, subject: `developer-with-a-long-name-${index}@example.com` }),
  );
  const hostile = alertEvent({
    developer: HOSTILE,
    session: HOSTILE.repeat(20),
    subject: HOSTILE,
    budget: HOSTILE,
  });
  const settings = settingsOf();
  return {
    'a stage': await compose([alertEvent()], COMPOSING, settings),
    'a digest': await compose([alertEvent(), ...many], COMPOSING, settings),
    'names that mean harm': await compose([hostile], COMPOSING, settings),
    'an event of the organisation': await compose([organisationEvent()], COMPOSING, settings),
    'a fallback without links': await compose(
      [alertEvent()],
      { ...COMPOSING, because: `webhook (dst_1): ${HOSTILE}` },
      { ...settings, publicUrl: null },
    ),
    'a test': composeTest('test-1', 'platform-squad', 'info'),
  };
}

function destinations(): { destination: Destination; schema: z.ZodType; path: RegExp }[] {
  return [
    {
      destination: { id: 'd', type: 'slack_dm', email: null, userId: 'U024BE7LH' },
      schema: slackPostMessage,
      path: /^\/slack\/chat\.postMessage$/,
    },
    {
      destination: { id: 'd', type: 'slack_channel', channel: '#alerts' },
      schema: slackPostMessage,
      path: /^\/slack\/chat\.postMessage$/,
    },
    {
      destination: { id: 'd', type: 'slack_webhook', url: `${server.url}/slackhook/T/B/x` },
      schema: slackWebhook,
      path: /^\/slackhook\/T\/B\/x$/,
    },
    {
      destination: { id: 'd', type: 'teams', url: `${server.url}/teams?sig=s3cret` },
      schema: teamsMessage,
      path: /^\/teams\?sig=s3cret$/,
    },
    {
      destination: { id: 'd', type: 'pagerduty', routingKey: ROUTING_KEY },
      schema: pagerdutyEvent,
      path: /^\/v2\/enqueue$/,
    },
    {
      destination: { id: 'd', type: 'opsgenie', apiKey: 'genie-s3cret', region: 'us' },
      schema: opsgenieAlert,
      path: /^\/genie\/v2\/alerts$/,
    },
    {
      destination: { id: 'd', type: 'webhook', url: `${server.url}/webhook`, secrets: [SECRET] },
      schema: webhookPayload,
      path: /^\/webhook$/,
    },
  ];
}

describe("every destination's request is as its vendor publishes", () => {
  test('whatever the message', async () => {
    for (const [name, message] of Object.entries(await messages())) {
      for (const { destination, schema, path } of destinations()) {
        server.requests.length = 0;
        const outcome = await send(destination, message, contextOf());
        expect(outcome, `${destination.type}, ${name}`).toMatchObject({ result: 'delivered' });
        expect(server.requests).toHaveLength(1);
        const [request] = server.requests;
        expect(request?.path).toMatch(path);
        expect(request?.headers['content-type']).toMatch(/^application\/json/);
        const parsed = schema.safeParse(JSON.parse(request?.raw ?? ''));
        expect(parsed.error?.issues ?? [], `${destination.type}, ${name}`).toEqual([]);
        // A webhook has the events as they are beside what people are told.
        if (destination.type !== 'webhook') expect(request?.raw).not.toMatch(/\u202e/);
      }
    }
  });

  test('Teams gets no message that is too large for it', async () => {
    const { 'a digest': digest } = await messages();
    const message = {
      ...(digest as Message),
      sections: [{ heading: 'Who', lines: Array(500).fill('x'.repeat(80)) }],
    };
    await send({ id: 'd', type: 'teams', url: `${server.url}/teams` }, message, contextOf());
    expect(server.requests[0]?.raw.length).toBeLessThan(TEAMS_BYTES);
  });

  test('Opsgenie and Slack get their credentials in the header', async () => {
    const [message] = Object.values(await messages()) as [Message];
    await send({ id: 'd', type: 'opsgenie', apiKey: 'key', region: 'eu' }, message, contextOf());
    await send({ id: 'd', type: 'slack_channel', channel: 'C1' }, message, contextOf());
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'GenieKey key',
      'Bearer xoxb-s3cret',
    ]);
  });

  test("severities are told in PagerDuty's own words, and in Opsgenie's priorities", async () => {
    const [message] = Object.values(await messages()) as [Message];
    const told: unknown[] = [];
    for (const severity of ['info', 'warning', 'error', 'critical'] as const) {
      server.requests.length = 0;
      await send(
        { id: 'd', type: 'pagerduty', routingKey: ROUTING_KEY },
        { ...message, severity },
        contextOf(),
      );
      await send(
        { id: 'd', type: 'opsgenie', apiKey: 'k', region: 'us' },
        { ...message, severity },
        contextOf(),
      );
      const [page, genie] = server.requests.map(({ raw }) => JSON.parse(raw));
      told.push([page.payload.severity, genie.priority]);
    }
    expect(told).toEqual([
      ['info', 'P5'],
      ['warning', 'P3'],
      ['error', 'P2'],
      ['critical', 'P1'],
    ]);
  });

  test('incidents are ended as their vendors publish', async () => {
    const context = contextOf();
    await endIncident({ id: 'd', type: 'pagerduty', routingKey: ROUTING_KEY }, 'message-1', context);
    await endIncident({ id: 'd', type: 'opsgenie', apiKey: 'k', region: 'us' }, 'message/1', context);
    const [page, genie] = server.requests;
    expect(pagerdutyEvent.parse(JSON.parse(page?.raw ?? ''))).toMatchObject({ dedup_key: 'message-1' });
    opsgenieClose.parse(JSON.parse(genie?.raw ?? ''));
    expect(genie?.path).toBe('/genie/v2/alerts/message%2F1/close?identifierType=alias');
  });
});

describe('the same message sent twice has the same key', () => {
  test('dedup_key, alias, webhook-id, and what Slack has of the kind', async () => {
    const [message] = Object.values(await messages()) as [Message];
    for (const { destination } of destinations()) {
      await send(destination, message, contextOf());
      await send(destination, message, contextOf());
    }
    const keys = server.requests.map(({ headers, raw }) => {
      const { dedup_key: dedupKey, alias, client_msg_id: clientId } = JSON.parse(raw);
      return headers['webhook-id'] ?? dedupKey ?? alias ?? clientId ?? null;
    });
    const [dm] = keys;
    expect(dm).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(keys).toEqual([dm, dm, dm, dm, null, null, null, null, ...Array(6).fill(message.id)]);
  });
});

describe('a destination that fails', () => {
  const cases: [answer: DestinationAnswer, result: string, problem: RegExp][] = [
    [{ status: 429, headers: { 'retry-after': '7' } }, 'later', /429/],
    [{ status: 500, body: 'oops' }, 'later', /500: oops/],
    [{ status: 503, headers: { 'retry-after': '99999' } }, 'later', /503/],
    [{ status: 408 }, 'later', /408/],
    [{ status: 400, body: 'bad' }, 'final', /400: bad/],
    [{ status: 404 }, 'final', /404/],
    ['hang', 'later', /no answer within 300 ms/],
    ['reset', 'later', /no connection/],
  ];
  test.each(cases)('%j is tried again or not', async (answer, result, problem) => {
    const [message] = Object.values(await messages()) as [Message];
    server.answerWith(() => answer);
    for (const { destination } of destinations()) {
      const outcome = await send(destination, message, contextOf());
      expect(outcome, destination.type).toMatchObject({ result, problem: expect.stringMatching(problem) });
      const isAsked = typeof answer === 'object' && answer.headers !== undefined;
      const wait = answer === cases[0]?.[0] ? 7_000 : 3_600_000;
      if (result === 'later') expect(outcome).toMatchObject({ retryAfterMs: isAsked ? wait : null });
    }
  });

  test('a redirect is a failure, and nobody follows it', async () => {
    const [message] = Object.values(await messages()) as [Message];
    server.answerWith(() => ({ status: 307, headers: { location: `${server.url}/elsewhere` } }));
    for (const { destination } of destinations()) {
      expect(await send(destination, message, contextOf())).toMatchObject({ result: 'final', status: 307 });
    }
    expect(server.requests.some(({ path }) => path === '/elsewhere')).toBe(false);
  });

  test('an answer without an end is read only at its beginning', async () => {
    const [message] = Object.values(await messages()) as [Message];
    server.answerWith(() => 'flood');
    const outcome = await send({ id: 'd', type: 'teams', url: `${server.url}/teams` }, message, contextOf());
    expect(outcome).toMatchObject({ result: 'delivered', said: expect.stringMatching(/^x{200}…$/) });
  });

  test('nothing is sent to a private address, also one that was configured before', async () => {
    const [message] = Object.values(await messages()) as [Message];
    for (const { destination } of destinations()) {
      const outcome = await send(destination, message, contextOf({ allowsPrivate: false }));
      expect(outcome, destination.type).toMatchObject({
        result: 'final',
        problem: expect.stringContaining('not sent'),
      });
    }
    expect(server.requests).toEqual([]);
  });

  test('what it says back is told without its credentials', async () => {
    const [message] = Object.values(await messages()) as [Message];
    server.answerWith(({ path, headers, raw }) => ({
      status: 400,
      body: `${path} ${headers.authorization} ${raw}`,
    }));
    for (const { destination } of destinations()) {
      const told = JSON.stringify(await send(destination, message, contextOf()));
      expect(told).not.toMatch(/xoxb-s3cret|genie-s3cret/);
      expect(told).not.toContain(ROUTING_KEY);
    }
  });
});

describe('Slack', () => {
  const MARA: Destination = { id: 'd', type: 'slack_dm', email: 'mara+x@example.com', userId: null };

  test('looks a person up by e-mail, once', async () => {
    const [message] = Object.values(await messages()) as [Message];
    const context = contextOf();
    await send(MARA, message, context);
    await send(MARA, message, context);
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /slack/users.lookupByEmail?email=mara%2Bx%40example.com',
      'POST /slack/chat.postMessage',
      'POST /slack/chat.postMessage',
    ]);
    expect(JSON.parse(server.requests[1]?.raw ?? '')).toMatchObject({ channel: 'U024BE7LH' });
  });

  test('that knows nobody of the e-mail says so, for good', async () => {
    const [message] = Object.values(await messages()) as [Message];
    server.answerWith(() => ({ status: 200, body: '{"ok":false,"error":"users_not_found"}' }));
    expect(await send(MARA, message, contextOf())).toEqual({
      result: 'final',
      status: 200,
      problem: 'Slack knows nobody with the e-mail mara+x@example.com (users_not_found)',
      isGone: false,
    });
  });

  test.each([
    ['channel_not_found', 'final'],
    ['invalid_auth', 'final'],
    ['missing_scope', 'final'],
    ['ratelimited', 'later'],
    ['internal_error', 'later'],
  ])('that answers 200 with ok:false and %s has not taken it', async (error, result) => {
    const [message] = Object.values(await messages()) as [Message];
    server.answerWith(() => ({ status: 200, body: JSON.stringify({ ok: false, error }) }));
    const outcome = await send({ id: 'd', type: 'slack_channel', channel: 'C1' }, message, contextOf());
    expect(outcome).toMatchObject({ result, problem: `Slack refused: ${error}` });
  });

  test('is asked anew for a person whose id is not right any more', async () => {
    const [message] = Object.values(await messages()) as [Message];
    const context = contextOf();
    context.slackUsers.put('mara+x@example.com', 'UOLD');
    server.answerWith(() => ({ status: 200, body: '{"ok":false,"error":"channel_not_found"}' }));
    await send(MARA, message, context);
    expect(context.slackUsers.get('mara+x@example.com')).toBeNull();
  });

  test('without a token is not asked', async () => {
    const [message] = Object.values(await messages()) as [Message];
    expect(await send(MARA, message, contextOf({ slackToken: null }))).toMatchObject({
      result: 'final',
      problem: 'not sent: SLACK_BOT_TOKEN is not set',
    });
    expect(server.requests).toEqual([]);
  });

  test('shows names that mean harm as they are', async () => {
    const { 'names that mean harm': hostile } = await messages();
    await send({ id: 'd', type: 'slack_channel', channel: 'C1' }, hostile as Message, contextOf());
    const body = slackPostMessage.parse(JSON.parse(server.requests[0]?.raw ?? ''));
    expect(body.text).not.toContain('<!channel>');
    const markup = body.blocks.filter((block) => block.type === 'section' && block.text.type === 'mrkdwn');
    expect(markup.map((block) => (block.type === 'section' ? block.text.text : ''))).toEqual([
      expect.stringMatching(/^<https:\/\/bursar\.example\/alerts\/act\/[\w.-]+\|Raise until midnight>$/),
      expect.stringMatching(/\|Raise to a number>$/),
      expect.stringMatching(/\|Leave it>$/),
    ]);
  });
});

describe('webhooks', () => {
  function verify(secret: string, index = 0): unknown {
    const { raw, headers } = server.requests[index] ?? { raw: '', headers: {} };
    return new Webhook(secret).verify(raw, headers as Record<string, string>);
  }

  test('are verified by the library of Standard Webhooks', async () => {
    const [message] = Object.values(await messages()) as [Message];
    await send(
      { id: 'd', type: 'webhook', url: `${server.url}/webhook`, secrets: [SECRET] },
      message,
      contextOf(),
    );
    expect(verify(SECRET)).toMatchObject({ type: 'alert.stage:alert', data: { message_id: message.id } });
    expect(() => verify(FORMER_SECRET)).toThrow(WebhookVerificationError);
  });

  test('are signed with both secrets while they rotate', async () => {
    const [message] = Object.values(await messages()) as [Message];
    const destination: Destination = {
      id: 'd',
      type: 'webhook',
      url: `${server.url}/webhook`,
      secrets: [SECRET, FORMER_SECRET],
    };
    await send(destination, message, contextOf());
    expect(verify(SECRET)).toEqual(verify(FORMER_SECRET));
    expect(server.requests[0]?.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/);
  });

  test('that answer 410 are gone', async () => {
    const [message] = Object.values(await messages()) as [Message];
    server.answerWith(() => ({ status: 410 }));
    const destination: Destination = {
      id: 'd',
      type: 'webhook',
      url: `${server.url}/webhook`,
      secrets: [SECRET],
    };
    expect(await send(destination, message, contextOf())).toMatchObject({ result: 'final', isGone: true });
  });

  test('with a secret that cannot be read are not sent', async () => {
    const [message] = Object.values(await messages()) as [Message];
    const destination: Destination = {
      id: 'd',
      type: 'webhook',
      url: `${server.url}/webhook`,
      secrets: [SECRET, 'whsec_%'],
    };
    expect(await send(destination, message, contextOf())).toMatchObject({ result: 'final' });
    expect(server.requests).toEqual([]);
  });
});
