/** PagerDuty's Events API v2. The message's id is the dedup_key: a repeat adds to the alert and pages nobody again. */
import type { AlertSettings } from '../../core/alerting/settings.ts';
import { type Message, plain } from '../message.ts';
import type { Outcome } from './outcome.ts';
import { ask, isOutcome, judge } from './request.ts';

const DEDUP_KEY_CHARACTERS = 255;
const SUMMARY_CHARACTERS = 1_024;
const COMPONENT_CHARACTERS = 80;

/** Opens an alert. Severities are Bursar's own words. */
export async function triggerPagerduty(
  routingKey: string,
  message: Message,
  settings: AlertSettings,
): Promise<Outcome> {
  const [event] = message.events;
  return await enqueue(
    {
      routing_key: routingKey,
      event_action: 'trigger',
      dedup_key: message.id.slice(0, DEDUP_KEY_CHARACTERS),
      client: 'Bursar',
      ...(settings.publicUrl === null ? {} : { client_url: settings.publicUrl }),
      links: message.links.map(({ label, url }) => ({ href: url, text: label })),
      payload: {
        summary: message.title.slice(0, SUMMARY_CHARACTERS),
        source: `bursar/${message.costCenter}`,
        severity: message.severity,
        ...(event === undefined ? {} : eventFields(event)),
        custom_details: detailsOf(message),
      },
    },
    routingKey,
    settings,
  );
}

function eventFields({
  occurred_at: timestamp,
  budget,
  cost_center: group,
  on,
}: Message['events'][number]): object {
  return {
    timestamp,
    group,
    class: on,
    ...(budget === null ? {} : { component: plain(budget, COMPONENT_CHARACTERS) }),
  };
}

function detailsOf({ note, facts, sections }: Message): Record<string, string | string[]> {
  return {
    ...(note === null ? {} : { Note: note }),
    ...Object.fromEntries(facts.map(({ name, value }) => [name, value])),
    ...Object.fromEntries(sections.map(({ heading, lines }) => [heading, lines])),
  };
}

/** Ends the alert that was opened with this id; one that is not open is none the worse for it. */
export async function resolvePagerduty(
  routingKey: string,
  messageId: string,
  settings: AlertSettings,
): Promise<Outcome> {
  const body = {
    routing_key: routingKey,
    event_action: 'resolve',
    dedup_key: messageId.slice(0, DEDUP_KEY_CHARACTERS),
  };
  return await enqueue(body, routingKey, settings);
}

async function enqueue(body: object, routingKey: string, settings: AlertSettings): Promise<Outcome> {
  const answer = await ask(
    {
      url: `${settings.pagerdutyUrl}/v2/enqueue`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    },
    settings,
  );
  return isOutcome(answer) ? answer : judge(answer, [routingKey]);
}
