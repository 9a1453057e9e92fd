/**
 * What delivery of alerts needs of the deployment, read from its variables and secrets. Errors name the variable and
 * never a value, which may be a secret.
 */
import { err, ok, type Result } from '../result.ts';
import type { SealingSecret } from '../sealing-secret.ts';

export interface AlertVariables {
  KEY_SECRETS?: string | undefined;
  PUBLIC_URL?: string | undefined;
  SLACK_BOT_TOKEN?: string | undefined;
  SLACK_API_URL?: string | undefined;
  PAGERDUTY_EVENTS_URL?: string | undefined;
  OPSGENIE_API_URL?: string | undefined;
  ALERTS_FROM?: string | undefined;
  ALERTS_ALLOW_PRIVATE?: string | undefined;
  ALERTS_TIMEOUT_MS?: string | undefined;
}

export interface AlertSettings {
  /** Newest first: the first signs links, all open what is sealed. */
  secrets: readonly SealingSecret[];
  /** Scheme and host that people reach Bursar at, no slash at the end; null: messages have no links. */
  publicUrl: string | null;
  /** Null: nothing can be sent to a person or channel of Slack. */
  slackToken: string | null;
  /** Addresses of the vendors' APIs, no slash at the end. */
  slackUrl: string;
  pagerdutyUrl: string;
  opsgenieUrl: { us: string; eu: string };
  /** The sender of mail; null: no mail can be sent. */
  mailFrom: string | null;
  /** This machine's own addresses are destinations too. */
  allowsPrivate: boolean;
  /** A destination that has not answered by then is tried again later. */
  timeoutMs: number;
}

const SLACK = 'https://slack.com/api';
const PAGERDUTY = 'https://events.pagerduty.com';
const OPSGENIE = { us: 'https://api.opsgenie.com', eu: 'https://api.eu.opsgenie.com' };
const TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 30_000;

/** An empty variable is an unset one. */
function given(value: string | undefined): string | null {
  const text = value?.trim() ?? '';
  return text === '' ? null : text;
}

/** Null where it is no https address (or http of this machine) without credentials and query. */
function toBase(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const isLocal = url.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return (url.protocol === 'https:' || isLocal) && isPlain ? url.href.replace(/\/+$/, '') : null;
}

function toSecrets(text: string): SealingSecret[] {
  return text.split(',').flatMap((part) => {
    const [, generation, secret] = /^\s*(\d+):(\S+)\s*$/.exec(part) ?? [];
    return generation === undefined || secret === undefined
      ? []
      : [{ generation: Number(generation), secret }];
  });
}

/** The settings, or one sentence that names every variable that is wrong. */
export function readAlertSettings(variables: AlertVariables): Result<AlertSettings, string> {
  const problems: string[] = [];
  const base = (name: 'SLACK_API_URL' | 'PAGERDUTY_EVENTS_URL' | 'OPSGENIE_API_URL') => {
    const text = given(variables[name]);
    if (text === null) return null;
    const url = toBase(text);
    if (url === null) problems.push(`${name}: expected an https address (http for this machine)`);
    return url;
  };
  const publicUrl = () => {
    const text = given(variables.PUBLIC_URL);
    if (text === null) return null;
    const url = toBase(text);
    if (url !== null && url === new URL(url).origin) return url;
    problems.push('PUBLIC_URL: expected an https address without a path (http for this machine)');
    return null;
  };
  const settings = {
    secrets: toSecrets(variables.KEY_SECRETS ?? ''),
    publicUrl: publicUrl(),
    slackToken: given(variables.SLACK_BOT_TOKEN),
    slackUrl: base('SLACK_API_URL') ?? SLACK,
    pagerdutyUrl: base('PAGERDUTY_EVENTS_URL') ?? PAGERDUTY,
    opsgenieUrl: opsgenieOf(base('OPSGENIE_API_URL')),
    mailFrom: given(variables.ALERTS_FROM),
    allowsPrivate: given(variables.ALERTS_ALLOW_PRIVATE) === 'true',
    timeoutMs: Number(given(variables.ALERTS_TIMEOUT_MS) ?? TIMEOUT_MS),
  };
  if (!['true', 'false', null].includes(given(variables.ALERTS_ALLOW_PRIVATE))) {
    problems.push('ALERTS_ALLOW_PRIVATE: expected "true" or "false"');
  }
  if (settings.mailFrom !== null && !/^[^\s@<>]+@[^\s@<>]+$/.test(settings.mailFrom)) {
    problems.push('ALERTS_FROM: expected an e-mail address');
  }
  const { timeoutMs } = settings;
  if (!Number.isInteger(timeoutMs) || timeoutMs < 100 || timeoutMs > MAX_TIMEOUT_MS) {
    problems.push(`ALERTS_TIMEOUT_MS: expected whole milliseconds from 100 to ${MAX_TIMEOUT_MS}`);
  }
  return problems.length > 0 ? err(problems.join('; ')) : ok(settings);
}

function opsgenieOf(url: string | null): { us: string; eu: string } {
  return url === null ? OPSGENIE : { us: url, eu: url };
}
