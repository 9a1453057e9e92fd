/**
 * One HTTP request to a destination: to public addresses only, never along a redirect, within a time, and reading no
 * more of the answer than tells what became of it.
 */
import { checkAddress } from '../../core/alerting/address.ts';
import type { AlertSettings } from '../../core/alerting/settings.ts';
import { delivered, final, later, type Outcome } from './outcome.ts';

/** Of an answer, at most; vendors say what they have to say in less. */
const ANSWER_BYTES = 16_384;
/** Of an answer that is told to people. */
const SAID_CHARACTERS = 200;
const LONGEST_RETRY_AFTER_MS = 3_600_000;
/** Statuses after which the same request may succeed. */
const RETRYABLE = [408, 409, 425, 429];

export interface Answer {
  status: number;
  text: string;
  retryAfterMs: number | null;
}

export interface AlertRequest {
  url: string;
  method?: 'GET' | 'POST';
  headers: Record<string, string>;
  /** Null: none. */
  body: string | null;
}

/** The answer, or what became of a request that got none. */
export async function ask(
  { url, method = 'POST', headers, body }: AlertRequest,
  { allowsPrivate, timeoutMs }: AlertSettings,
): Promise<Answer | Outcome> {
  const address = checkAddress(url, { allowPrivate: allowsPrivate });
  if (!address.ok) return final(null, `not sent: ${address.error}`);
  // A timer of its own, because one that goes on after the answer keeps the object from being put to rest.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    const response = await fetch(address.value.href, {
      method,
      headers: { 'user-agent': 'Bursar', ...headers },
      body,
      redirect: 'manual',
      signal: late.signal,
    });
    const text = await beginningOf(response);
    return { status: response.status, text, retryAfterMs: retryAfterOf(response.headers) };
  } catch {
    // What the runtime says may hold the address, which may be a secret.
    return later(null, late.signal.aborted ? `no answer within ${timeoutMs} ms` : 'no connection');
  } finally {
    clearTimeout(timer);
  }
}

export function isOutcome(value: Answer | Outcome): value is Outcome {
  return 'result' in value;
}

/**
 * Judges an answer by its status. `secrets` are taken out of what is told of it. 410 is a receiver's wish to get
 * nothing more.
 */
export function judge({ status, text, retryAfterMs }: Answer, secrets: readonly string[]): Outcome {
  const said = quoted(text, secrets);
  if (status >= 200 && status < 300) return delivered(status, said);
  const problem = `answered ${status}${said === '' ? '' : `: ${said}`}`;
  if (status >= 300 && status < 400) return final(status, `answered ${status}: redirects are not followed`);
  if (status >= 500 || RETRYABLE.includes(status)) return later(status, problem, retryAfterMs);
  return final(status, problem, status === 410);
}

/** What was said, on one line, short, and without secrets. */
export function quoted(text: string, secrets: readonly string[]): string {
  const open = secrets.filter((each) => each !== '').reduce((rest, each) => rest.replaceAll(each, '…'), text);
  const line = open.replace(/[\p{C}\s]+/gu, ' ').trim();
  return line.length > SAID_CHARACTERS ? `${line.slice(0, SAID_CHARACTERS)}…` : line;
}

async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  while (bytes < ANSWER_BYTES) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    const taken = value.subarray(0, ANSWER_BYTES - bytes);
    bytes += taken.byteLength;
    text += decoder.decode(taken, { stream: true });
  }
  await reader.cancel();
  return text;
}

/** Seconds or a date, at most an hour; null where it says nothing. */
function retryAfterOf(headers: Headers): number | null {
  const text = headers.get('retry-after')?.trim() ?? '';
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1_000;
  return Number.isNaN(seconds) ? null : Math.min(Math.max(0, seconds * 1_000), LONGEST_RETRY_AFTER_MS);
}
