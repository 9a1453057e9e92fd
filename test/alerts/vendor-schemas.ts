/**
 * What vendors publish of the requests they take, as strict schemas: a field they do not know is an error here. Slack:
 * Block Kit and chat.postMessage; Teams: Workflows and Adaptive Cards 1.4; PagerDuty: Events API v2 (PD-CEF); Opsgenie:
 * Alert API.
 */
import { z } from 'zod';

const slackPlainText = (max: number) =>
  z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(max), emoji: z.boolean() });
const slackMrkdwn = z.strictObject({
  type: z.literal('mrkdwn'),
  text: z.string().min(1).max(3_000),
  verbatim: z.boolean().optional(),
});
const slackBlock = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('header'), text: slackPlainText(150) }),
  z.strictObject({ type: z.literal('section'), text: z.union([slackPlainText(3_000), slackMrkdwn]) }),
  z.strictObject({
    type: z.literal('context'),
    elements: z
      .array(z.union([slackPlainText(3_000), slackMrkdwn]))
      .min(1)
      .max(10),
  }),
]);
export const slackWebhook = z.strictObject({
  text: z.string().min(1).max(40_000),
  blocks: z.array(slackBlock).min(1).max(50),
});
export const slackPostMessage = z.strictObject({
  ...slackWebhook.shape,
  channel: z.string().regex(/^(?:[CUDG][A-Z0-9]+|#[a-z0-9-]+)$/),
  client_msg_id: z.uuid(),
  metadata: z.strictObject({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) }),
  unfurl_links: z.boolean(),
  unfurl_media: z.boolean(),
});

const textRun = z.strictObject({
  type: z.literal('TextRun'),
  text: z.string(),
  weight: z.enum(['Lighter', 'Default', 'Bolder']).optional(),
  size: z.enum(['Small', 'Default', 'Medium', 'Large', 'ExtraLarge']).optional(),
  color: z.enum(['Default', 'Dark', 'Light', 'Accent', 'Good', 'Warning', 'Attention']).optional(),
  isSubtle: z.boolean().optional(),
});
export const teamsMessage = z.strictObject({
  type: z.literal('message'),
  attachments: z.tuple([
    z.strictObject({
      contentType: z.literal('application/vnd.microsoft.card.adaptive'),
      contentUrl: z.null(),
      content: z.strictObject({
        $schema: z.literal('http://adaptivecards.io/schemas/adaptive-card.json'),
        type: z.literal('AdaptiveCard'),
        version: z.literal('1.4'),
        msteams: z.strictObject({ width: z.literal('Full') }),
        body: z
          .array(z.strictObject({ type: z.literal('RichTextBlock'), inlines: z.array(textRun).min(1) }))
          .min(1),
        actions: z.array(
          z.strictObject({ type: z.literal('Action.OpenUrl'), title: z.string().min(1), url: z.url() }),
        ),
      }),
    }),
  ]),
});
/** Teams refuses more. */
export const TEAMS_BYTES = 28_000;

export const pagerdutyEvent = z.discriminatedUnion('event_action', [
  z.strictObject({
    routing_key: z.string().length(32),
    event_action: z.literal('trigger'),
    dedup_key: z.string().min(1).max(255),
    client: z.string().optional(),
    client_url: z.url().optional(),
    links: z.array(z.strictObject({ href: z.url(), text: z.string() })),
    payload: z.strictObject({
      summary: z.string().min(1).max(1_024),
      source: z.string().min(1),
      severity: z.enum(['critical', 'error', 'warning', 'info']),
      timestamp: z.iso.datetime().optional(),
      component: z.string().optional(),
      group: z.string().optional(),
      class: z.string().optional(),
      custom_details: z.record(z.string(), z.unknown()),
    }),
  }),
  z.strictObject({
    routing_key: z.string().length(32),
    event_action: z.literal('resolve'),
    dedup_key: z.string().min(1).max(255),
  }),
]);

export const opsgenieAlert = z.strictObject({
  message: z.string().min(1).max(130),
  alias: z.string().min(1).max(512),
  description: z.string().max(15_000),
  priority: z.enum(['P1', 'P2', 'P3', 'P4', 'P5']),
  entity: z.string().max(512),
  source: z.string().max(100),
  tags: z.array(z.string().max(50)).max(20),
  details: z.record(z.string(), z.string()).refine((each) => JSON.stringify(each).length <= 8_000),
});
export const opsgenieClose = z.strictObject({
  source: z.string().max(100),
  note: z.string().max(25_000),
});

/** docs/alerts.md, "Webhooks". */
export const webhookPayload = z.strictObject({
  type: z.string().regex(/^alert\.[a-z_:]+$/),
  timestamp: z.iso.datetime(),
  data: z.strictObject({
    message_id: z.string(),
    cost_center: z.string(),
    severity: z.enum(['critical', 'error', 'warning', 'info']),
    title: z.string().max(120),
    text: z.strictObject({
      facts: z.array(z.strictObject({ name: z.string(), value: z.string() })),
      sections: z.array(z.strictObject({ heading: z.string(), lines: z.array(z.string()) })),
    }),
    links: z.array(z.strictObject({ label: z.string(), url: z.url() })),
    is_test: z.boolean(),
    is_fallback: z.boolean(),
    note: z.string().nullable(),
    events: z.array(z.looseObject({ event_id: z.string(), on: z.string(), occurred_at: z.iso.datetime() })),
  }),
});
