/**
 * A destination as a body writes it: which fields each type has and what each may hold by itself. Of a destination that
 * is there already, named by its `id`, secrets may be left out. The fields that a GET shows in a secret's place are
 * taken and not looked at, so that what was read can be changed and sent back.
 */
import { z } from 'zod';

const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;
const MAX_URL_LENGTH = 2_048;

const id = z
  .string()
  .regex(/^dst_[0-9a-f]{24}$/, 'expected the id of a destination as GET shows it')
  .optional();
const shown = z.unknown().optional();

const email = z
  .email('expected an e-mail address')
  .max(320, 'expected at most 320 characters')
  .transform((text) => text.toLowerCase());

const url = z
  .string('expected an https address')
  .max(MAX_URL_LENGTH, `expected at most ${MAX_URL_LENGTH} characters`);

function bytesOf(base64: string): number | null {
  try {
    return atob(base64).length;
  } catch {
    return null;
  }
}

const SECRET_ERROR = `expected "whsec_" and base64 of ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes`;

/** As the Standard Webhooks convention has it. */
const webhookSecret = z.string(SECRET_ERROR).refine((text) => {
  const [, base64] = /^whsec_([A-Za-z0-9+/]{1,100}={0,2})$/.exec(text) ?? [];
  const bytes = base64 === undefined ? null : bytesOf(base64);
  return bytes !== null && bytes >= MIN_SECRET_BYTES && bytes <= MAX_SECRET_BYTES;
}, SECRET_ERROR);

const slackDm = z
  .strictObject({
    id,
    type: z.literal('slack_dm'),
    email: email.optional(),
    user_id: z
      .string()
      .regex(/^[UW][A-Z0-9]{2,20}$/, 'expected the id of a Slack user such as "U024BE7LH"')
      .optional(),
  })
  .refine((form) => (form.email === undefined) !== (form.user_id === undefined), {
    path: ['email'],
    message: 'expected either "email" or "user_id"',
  });

const slackChannel = z.strictObject({
  id,
  type: z.literal('slack_channel'),
  channel: z
    .string()
    .regex(
      /^(?:[CG][A-Z0-9]{2,20}|#[^\s#@<>&,A-Z]{1,80})$/,
      'expected the id of a channel such as "C024BE91L", or its name such as "#budgets"',
    ),
});

const slackWebhook = z.strictObject({
  id,
  type: z.literal('slack_webhook'),
  url: url.optional(),
  url_set: shown,
  host: shown,
});

const teams = z.strictObject({
  id,
  type: z.literal('teams'),
  url: url.optional(),
  url_set: shown,
  host: shown,
});

const pagerduty = z.strictObject({
  id,
  type: z.literal('pagerduty'),
  routing_key: z
    .string()
    .regex(/^[A-Za-z0-9]{32}$/, 'expected an integration key of 32 letters and digits')
    .optional(),
  routing_key_set: shown,
});

const opsgenie = z.strictObject({
  id,
  type: z.literal('opsgenie'),
  api_key: z
    .string()
    .regex(/^[A-Za-z0-9-]{16,128}$/, 'expected an API key of letters, digits and "-"')
    .optional(),
  api_key_set: shown,
  region: z.enum(['us', 'eu'], 'expected "us" or "eu"').default('us'),
});

const webhook = z.strictObject({
  id,
  type: z.literal('webhook'),
  url: url.optional(),
  url_set: shown,
  host: shown,
  secret: webhookSecret.optional(),
  secret_set: shown,
  /** Null drops the one that is kept. */
  previous_secret: webhookSecret.nullable().optional(),
  previous_secret_set: shown,
});

const mail = z.strictObject({ id, type: z.literal('email'), to: email });

const TYPES = [
  'slack_dm',
  'slack_channel',
  'slack_webhook',
  'teams',
  'pagerduty',
  'opsgenie',
  'webhook',
  'email',
];

export const destinationSchema = z.discriminatedUnion(
  'type',
  [slackDm, slackChannel, slackWebhook, teams, pagerduty, opsgenie, webhook, mail],
  { error: `expected one of ${TYPES.map((type) => `"${type}"`).join(', ')}` },
);

/** A destination of the right shape; its secrets may still be missing. */
export type DestinationForm = z.output<typeof destinationSchema>;
