/**
 * Webhooks by the Standard Webhooks convention (https://www.standardwebhooks.com): the message's id is `webhook-id`,
 * the same in every try, and each secret signs while they rotate. docs/alerts.md documents the payload.
 */
import type { AlertSettings } from '../../core/alerting/settings.ts';
import type { AlertEvent } from '../../ledger/entry.ts';
import type { Message, MessageLink } from '../message.ts';
import { final, type Outcome } from './outcome.ts';
import { ask, isOutcome, judge } from './request.ts';

/** The body of every request; `type` is `alert.<on>`, `alert.digest` or `alert.test`. */
export interface WebhookPayload {
  type: string;
  /** When the (first) event happened, ISO 8601 in UTC; of a test, when it was sent. */
  timestamp: string;
  data: {
    message_id: string;
    cost_center: string;
    severity: string;
    title: string;
    text: { facts: Message['facts']; sections: Message['sections'] };
    links: MessageLink[];
    is_test: boolean;
    is_fallback: boolean;
    note: string | null;
    events: readonly AlertEvent[];
  };
}

const encoder = new TextEncoder();

function toPayload(message: Message, nowMs: number): WebhookPayload {
  const { events, costCenter, severity, title, facts, sections, links, isTest, isFallback, note } = message;
  const [first] = events;
  const many = events.length > 1 ? 'alert.digest' : `alert.${first?.on}`;
  return {
    type: first === undefined ? 'alert.test' : many,
    timestamp: first?.occurred_at ?? new Date(nowMs).toISOString(),
    data: {
      message_id: message.id,
      cost_center: costCenter,
      severity,
      title,
      text: { facts, sections },
      links,
      is_test: isTest,
      is_fallback: isFallback,
      note,
      events,
    },
  };
}

/** Null where it is no `whsec_` and base64. */
function toKey(secret: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(secret.replace(/^whsec_/, '')), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

async function sign(content: string, key: Uint8Array): Promise<string> {
  const hmac = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const mac = await crypto.subtle.sign('HMAC', hmac, encoder.encode(content));
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(mac)))}`;
}

export async function sendToWebhook(
  { url, secrets }: { url: string; secrets: readonly string[] },
  message: Message,
  settings: AlertSettings,
  nowMs: number,
): Promise<Outcome> {
  const keys = secrets.map(toKey).filter((key) => key !== null && key.byteLength > 0);
  if (keys.length === 0 || keys.length < secrets.length) {
    return final(null, 'not sent: a secret is not "whsec_" and base64');
  }
  const body = JSON.stringify(toPayload(message, nowMs));
  const timestamp = Math.floor(nowMs / 1_000);
  const content = `${message.id}.${timestamp}.${body}`;
  const signatures = await Promise.all(keys.map((key) => sign(content, key as Uint8Array)));
  const answer = await ask(
    {
      url,
      headers: {
        'content-type': 'application/json',
        'webhook-id': message.id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signatures.join(' '),
      },
      body,
    },
    settings,
  );
  return isOutcome(answer) ? answer : judge(answer, [url, ...secrets]);
}
