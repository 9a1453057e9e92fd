/** Slack's incoming webhooks: the address is the credential. They know no idempotency key; a repeat shows twice. */
import type { AlertSettings } from '../../core/alerting/settings.ts';
import type { Message } from '../message.ts';
import { final, type Outcome } from './outcome.ts';
import { ask, isOutcome, judge } from './request.ts';
import { toSlack } from './slack-blocks.ts';

export async function sendToSlackWebhook(
  url: string,
  message: Message,
  settings: AlertSettings,
): Promise<Outcome> {
  const answer = await ask(
    { url, headers: { 'content-type': 'application/json' }, body: JSON.stringify(toSlack(message)) },
    settings,
  );
  if (isOutcome(answer)) return answer;
  const outcome = judge(answer, [url]);
  // It says "ok"; anything else with a 200 is somebody else's page.
  if (outcome.result !== 'delivered' || answer.text.trim() === 'ok') return outcome;
  return final(answer.status, `answered ${answer.status}, but not "ok"`);
}
