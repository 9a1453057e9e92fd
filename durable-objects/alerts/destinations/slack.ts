/**
 * Slack's Web API: to a person (looked up by e-mail where no id is known) or a channel. An answer with `ok: false` is a
 * failure although its status is 200. Slack documents no idempotency key for chat.postMessage: the message's id is in
 * `metadata`, and in `client_msg_id`, which Slack's clients use as one.
 */
import { z } from 'zod';
import type { AlertSettings } from '../../core/alerting/settings.ts';
import { hexId128 } from '../../core/hex-id.ts';
import type { Message } from '../message.ts';
import { delivered, final, later, type Outcome } from './outcome.ts';
import { type Answer, ask, isOutcome, judge, quoted } from './request.ts';
import { toSlack } from './slack-blocks.ts';

/** What users.lookupByEmail said before. */
export interface KnownSlackUsers {
  /** Null where it is not known, or no longer. */
  get(email: string): string | null;
  put(email: string, userId: string): void;
  forget(email: string): void;
}

/** Errors after which the same call may succeed. */
const PASSING = [
  'ratelimited',
  'rate_limited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
];
/** Errors that say that the id of a person is not right any more. */
const WRONG_USER = ['channel_not_found', 'user_not_found', 'users_not_found'];

const answerSchema = z.object({ ok: z.boolean(), error: z.string().optional() });
const lookupSchema = z.object({ user: z.object({ id: z.string().min(1) }) });

/** Sends to a channel's id or name, or a user's id. */
export async function sendToSlackChannel(
  channel: string,
  message: Message,
  settings: AlertSettings,
): Promise<Outcome> {
  const { slackToken: token } = settings;
  if (token === null) return final(null, 'not sent: SLACK_BOT_TOKEN is not set');
  const body = {
    channel,
    ...toSlack(message),
    client_msg_id: toUuid(message.id),
    metadata: { event_type: 'bursar_alert', event_payload: { id: message.id } },
    unfurl_links: false,
    unfurl_media: false,
  };
  const answer = await ask(
    {
      url: `${settings.slackUrl}/chat.postMessage`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(body),
    },
    settings,
  );
  return isOutcome(answer) ? answer : judgeSlack(answer, token);
}

/** Sends to a person. One whose e-mail Slack does not know is a final failure that says so. */
export async function sendToSlackUser(
  { email, userId }: { email: string | null; userId: string | null },
  message: Message,
  settings: AlertSettings,
  known: KnownSlackUsers,
): Promise<Outcome> {
  const found = userId ?? (email === null ? null : known.get(email)) ?? (await lookUp(email, settings));
  if (typeof found !== 'string') return found;
  if (email !== null && userId === null) known.put(email, found);
  const outcome = await sendToSlackChannel(found, message, settings);
  const isWrong = outcome.result === 'final' && WRONG_USER.some((each) => outcome.problem.includes(each));
  if (email !== null && isWrong) known.forget(email);
  return outcome;
}

async function lookUp(email: string | null, settings: AlertSettings): Promise<string | Outcome> {
  const { slackToken: token } = settings;
  if (email === null) return final(null, 'not sent: neither a user id nor an e-mail is configured');
  if (token === null) return final(null, 'not sent: SLACK_BOT_TOKEN is not set');
  const answer = await ask(
    {
      url: `${settings.slackUrl}/users.lookupByEmail?email=${encodeURIComponent(email)}`,
      method: 'GET',
      headers: { authorization: `Bearer ${token}` },
      body: null,
    },
    settings,
  );
  if (isOutcome(answer)) return answer;
  const outcome = judgeSlack(answer, token);
  if (outcome.result !== 'delivered') {
    return outcome.problem.includes('users_not_found')
      ? final(answer.status, `Slack knows nobody with the e-mail ${email} (users_not_found)`)
      : outcome;
  }
  const parsed = lookupSchema.safeParse(toJson(answer.text));
  return parsed.success ? parsed.data.user.id : later(answer.status, 'Slack named no user');
}

function judgeSlack(answer: Answer, token: string): Outcome {
  const parsed = answerSchema.safeParse(toJson(answer.text));
  const outcome = judge(answer, [token]);
  if (outcome.result !== 'delivered') return outcome;
  if (!parsed.success) {
    // Slack's answers are longer than what is read of them: the beginning says whether it went well.
    return /^\s*\{\s*"ok"\s*:\s*true\b/.test(answer.text)
      ? delivered(answer.status, 'ok')
      : later(answer.status, `answered no JSON: ${outcome.said}`);
  }
  if (parsed.data.ok) return delivered(answer.status, 'ok');
  const error = quoted(parsed.data.error ?? 'no reason given', [token]);
  const problem = `Slack refused: ${error}`;
  return PASSING.includes(error)
    ? later(answer.status, problem, answer.retryAfterMs)
    : final(answer.status, problem);
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A UUID (version 8, RFC 9562) that is the same for the same name. */
function toUuid(name: string): string {
  const hex = hexId128(name);
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) % 4];
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-');
}
