/**
 * Bedrock's errors in the terms of the Messages API: the wording unchanged, the status one that clients and failover
 * act on. Names and statuses: AWS's API reference of InvokeModel and InvokeModelWithResponseStream.
 */
import type { ErrorType } from '../../envelope.ts';

export interface ToldError {
  type: ErrorType;
  status: number;
}

/** Too much at once: another provider, or a moment's patience, will do. 529 is what the Messages API says for it. */
const OVERLOADED: ToldError = { type: 'overloaded_error', status: 529 };
const RATE_LIMITED: ToldError = { type: 'rate_limit_error', status: 429 };
/** The model or the service failed. AWS's own 424 is a status no client tries again on, and 500 means the same. */
const FAILED: ToldError = { type: 'api_error', status: 500 };

/** By the name without "Exception", in lower case. */
const BY_NAME: Record<string, ToldError> = {
  throttling: RATE_LIMITED,
  servicequotaexceeded: RATE_LIMITED,
  modelnotready: OVERLOADED,
  modeltimeout: OVERLOADED,
  serviceunavailable: OVERLOADED,
  modelstreamerror: FAILED,
  modelerror: FAILED,
  internalserver: FAILED,
  validation: { type: 'invalid_request_error', status: 400 },
  accessdenied: { type: 'permission_error', status: 403 },
  resourcenotfound: { type: 'not_found_error', status: 404 },
  conflict: { type: 'conflict_error', status: 409 },
};

const BY_STATUS: Record<number, ToldError> = {
  401: { type: 'authentication_error', status: 401 },
  403: { type: 'permission_error', status: 403 },
  404: { type: 'not_found_error', status: 404 },
  408: OVERLOADED,
  409: { type: 'conflict_error', status: 409 },
  413: { type: 'request_too_large', status: 413 },
  424: FAILED,
  429: RATE_LIMITED,
  503: OVERLOADED,
  529: OVERLOADED,
};

/**
 * What an error is in the API's terms: by its name (`ThrottlingException`, with a namespace before it or an address
 * behind it, or not at all), else by its HTTP status.
 */
export function toldError(name: string, status = 500): ToldError {
  const bare = name
    .replace(/^.*#/, '')
    .replace(/:.*$/, '')
    .replace(/Exception$/, '');
  const told = BY_NAME[bare.toLowerCase()] ?? BY_STATUS[status];
  if (told) return told;
  return status >= 500 ? { ...FAILED, status } : { type: 'invalid_request_error', status };
}

const MAX_MESSAGE_LENGTH = 4_000;

/** Bedrock's answer with an error status, in the API's envelope. Reads it whole; rejects only where it breaks off. */
export async function errorAnswer(response: Response): Promise<Response> {
  const text = await response.text();
  const { name, message } = readError(text);
  const told = toldError(response.headers.get('x-amzn-errortype') ?? name ?? '', response.status);
  return errorEnvelope(
    told,
    message ?? (text.trim() || `Bedrock answered ${response.status}.`),
    response.headers,
  );
}

/** An error in the API's envelope, to a request whose answer had these headers. */
export function errorEnvelope({ type, status }: ToldError, message: string, upstream: Headers): Response {
  const headers = answerHeaders(upstream);
  const body = {
    type: 'error',
    error: { type, message: message.slice(0, MAX_MESSAGE_LENGTH) },
    request_id: headers.get('request-id'),
  };
  return Response.json(body, { status, headers });
}

/** Of Bedrock's headers, those the API has too: the rest is AWS's business with the organisation. */
export function answerHeaders(upstream: Headers): Headers {
  const headers = new Headers();
  const requestId = upstream.get('x-amzn-requestid') ?? upstream.get('request-id');
  const retryAfter = upstream.get('retry-after');
  if (requestId !== null) headers.set('request-id', requestId);
  if (retryAfter !== null) headers.set('retry-after', retryAfter);
  return headers;
}

/** `{"message": …}`, `{"Message": …}`, with `__type` where no header tells the name. */
function readError(text: string): { name: string | null; message: string | null } {
  try {
    const body: Record<string, unknown> = JSON.parse(text);
    const told = body.message ?? body.Message;
    return {
      name: typeof body.__type === 'string' ? body.__type : null,
      message: typeof told === 'string' ? told : null,
    };
  } catch {
    return { name: null, message: null };
  }
}
