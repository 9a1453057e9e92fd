/** Reads an attempt that came to nothing before any byte of it went to the client: is it worth asking another provider? */
import { isAboutModel, type ModelRefusal } from './model-refusal.ts';

export interface Trouble {
  /**
   * `limits`: it takes no more for now; `unwell`: it fails; `late`: its first byte does not come; `credential`: it
   * refuses the deployment's own; `model`: it does not have the model after all.
   */
  why: 'limits' | 'unwell' | 'late' | 'credential' | 'model';
  /** As the ledger calls it: `http_529`, `upstream_unreachable`. */
  errorType: string;
  /** What it asked for, ms; null: nothing. */
  retryAfterMs: number | null;
  /** Its answer; null: there was none. */
  response: Response | null;
}

/** Trouble of the provider's, whatever was asked. 408 and 424 are Bedrock's for a model that took too long or failed. */
const UNWELL = new Set([408, 424, 500, 502, 503, 504, 529]);
const CREDENTIAL = new Set([401, 403]);
/** Statuses by which an upstream can say that it does not want the model. */
const MODEL_REFUSALS = [400, 403, 404];

/** Seconds or a date, as RFC 9110 has it; null where it is neither. */
export function retryAfterMs(headers: Headers, nowMs: number): number | null {
  const text = headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,9}(?:\.\d{1,3})?$/.test(text)) return Math.ceil(Number(text) * 1_000);
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}

/** Null: an answer to pass on. */
export function troubleOf(response: Response, nowMs: number): Trouble | null {
  const { status, headers } = response;
  const errorType = `http_${status}`;
  if (status === 429)
    return { why: 'limits', errorType, retryAfterMs: retryAfterMs(headers, nowMs), response };
  if (UNWELL.has(status))
    return { why: 'unwell', errorType, retryAfterMs: retryAfterMs(headers, nowMs), response };
  return null;
}

/** Whether it refuses the credential it was asked with. */
export function isCredentialRefusal(status: number): boolean {
  return CREDENTIAL.has(status);
}

/** An error still to be read, and what it says of the model; null for what cannot say anything of it. */
export async function readModelRefusal(
  response: Response,
): Promise<{ refusal: ModelRefusal | null; response: Response } | null> {
  if (!MODEL_REFUSALS.includes(response.status)) return null;
  // An error whose body breaks off says nothing, but it is an error all the same.
  const body = await response.arrayBuffer().catch(() => new ArrayBuffer(0));
  const refusal = isAboutModel(response.status, new TextDecoder().decode(body));
  return { refusal, response: new Response(body, response) };
}

/** Errors that come first in a stream, by their type: the statuses an answer in one piece would have had. */
const EVENT_STATUS: Readonly<Record<string, number>> = {
  rate_limit_error: 429,
  overloaded_error: 529,
  api_error: 500,
  timeout_error: 504,
};

/** An error event that nothing came before, as an answer. Null: one that another provider would give, too. */
export function troubleOfEvent(error: { type: string; message: string }): Trouble | null {
  const status = EVENT_STATUS[error.type];
  if (status === undefined) return null;
  return {
    why: status === 429 ? 'limits' : 'unwell',
    errorType: error.type,
    retryAfterMs: null,
    response: Response.json({ type: 'error', error }, { status }),
  };
}
