/**
 * Opsgenie's Alert API (which Atlassian ends on 2027-04-05). The message's id is the alias: a repeat counts up on the
 * open alert and notifies nobody again.
 */
import type { Severity } from '../../core/alerting/routes.ts';
import type { AlertSettings } from '../../core/alerting/settings.ts';
import { type Message, toText } from '../message.ts';
import type { Outcome } from './outcome.ts';
import { ask, isOutcome, judge } from './request.ts';

export interface OpsgenieAccount {
  apiKey: string;
  region: 'us' | 'eu';
}

const MESSAGE_CHARACTERS = 130;
const ALIAS_CHARACTERS = 512;
const DESCRIPTION_CHARACTERS = 15_000;
const DETAIL_CHARACTERS = 250;
const TAG_CHARACTERS = 50;
const PRIORITY = { critical: 'P1', error: 'P2', warning: 'P3', info: 'P5' } satisfies Record<
  Severity,
  string
>;

export async function createOpsgenieAlert(
  account: OpsgenieAccount,
  message: Message,
  settings: AlertSettings,
): Promise<Outcome> {
  const { id, title, severity, facts, costCenter, events } = message;
  const body = {
    message: title.slice(0, MESSAGE_CHARACTERS),
    alias: id.slice(0, ALIAS_CHARACTERS),
    description: toText(message).slice(0, DESCRIPTION_CHARACTERS),
    priority: PRIORITY[severity],
    entity: costCenter,
    source: 'Bursar',
    tags: ['bursar', ...events.slice(0, 1).map(({ on }) => on.slice(0, TAG_CHARACTERS))],
    details: Object.fromEntries(facts.map(({ name, value }) => [name, value.slice(0, DETAIL_CHARACTERS)])),
  };
  return await call('', account, body, settings);
}

/** Closes the alert that was created with this id. */
export async function closeOpsgenieAlert(
  account: OpsgenieAccount,
  messageId: string,
  settings: AlertSettings,
): Promise<Outcome> {
  const alias = encodeURIComponent(messageId.slice(0, ALIAS_CHARACTERS));
  const body = { source: 'Bursar', note: 'The budget was raised, or its window began anew.' };
  return await call(`/${alias}/close?identifierType=alias`, account, body, settings);
}

async function call(
  path: string,
  { apiKey, region }: OpsgenieAccount,
  body: object,
  settings: AlertSettings,
): Promise<Outcome> {
  const answer = await ask(
    {
      url: `${settings.opsgenieUrl[region]}/v2/alerts${path}`,
      headers: { authorization: `GenieKey ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    },
    settings,
  );
  return isOutcome(answer) ? answer : judge(answer, [apiKey]);
}
