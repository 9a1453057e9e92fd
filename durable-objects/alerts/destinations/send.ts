/** The one door to all destinations: a message sent once, an incident ended. Rejects only by a bug (see `attempted`). */
import type { Destination } from '../../core/alerting/routes.ts';
import type { AlertSettings } from '../../core/alerting/settings.ts';
import type { Message } from '../message.ts';
import { sendMail } from './email.ts';
import { closeOpsgenieAlert, createOpsgenieAlert } from './opsgenie.ts';
import { final, type Outcome } from './outcome.ts';
import { resolvePagerduty, triggerPagerduty } from './pagerduty.ts';
import { type KnownSlackUsers, sendToSlackChannel, sendToSlackUser } from './slack.ts';
import { sendToSlackWebhook } from './slack-webhook.ts';
import { sendToTeams } from './teams.ts';
import { sendToWebhook } from './webhook.ts';

/** What senders need beside the message. */
export interface SendingContext {
  settings: AlertSettings;
  /** Null where no `send_email` binding is configured. */
  mail: SendEmail | null;
  slackUsers: KnownSlackUsers;
  /** Epoch ms. */
  now(): number;
}

/** Destinations that keep something open until it is resolved. */
export function keepsIncidents(type: string): boolean {
  return type === 'pagerduty' || type === 'opsgenie';
}

export async function send(to: Destination, message: Message, context: SendingContext): Promise<Outcome> {
  const { settings, mail, slackUsers, now } = context;
  switch (to.type) {
    case 'slack_dm':
      return await sendToSlackUser(to, message, settings, slackUsers);
    case 'slack_channel':
      return await sendToSlackChannel(to.channel, message, settings);
    case 'slack_webhook':
      return await sendToSlackWebhook(to.url, message, settings);
    case 'teams':
      return await sendToTeams(to.url, message, settings);
    case 'pagerduty':
      return await triggerPagerduty(to.routingKey, message, settings);
    case 'opsgenie':
      return await createOpsgenieAlert(to, message, settings);
    case 'webhook':
      return await sendToWebhook(to, message, settings, now());
    case 'email':
      return await sendMail(to.to, message, settings, mail);
  }
}

/** Ends what was opened at a destination with a message's id. */
export async function endIncident(
  destination: Destination,
  messageId: string,
  { settings }: SendingContext,
): Promise<Outcome> {
  switch (destination.type) {
    case 'pagerduty':
      return await resolvePagerduty(destination.routingKey, messageId, settings);
    case 'opsgenie':
      return await closeOpsgenieAlert(destination, messageId, settings);
    default:
      return final(null, `${destination.type} keeps nothing open`);
  }
}
