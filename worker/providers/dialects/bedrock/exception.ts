/**
 * Errors of the Messages API as Bedrock's exceptions: a name in `x-amzn-errortype`, `{"message": …}`, and a status that
 * each client takes as it is meant (docs/decisions/0023).
 */
import { isJsonObject } from '../../json-edit.ts';
import { parseJson } from '../../message-event.ts';

/** An exception as the answer to a request. */
export interface Exception {
  name: string;
  status: number;
  message: string;
}

/** An error as the Messages API answers it. */
export interface MessagesError {
  status: number;
  type: string;
  message: string;
  /** Whether the model is not for this caller: a refusal of another kind than a budget's. */
  isDenied: boolean;
}

interface Kind {
  name: string;
  /** Bedrock's own. */
  status: number;
  /** For clients that are made of Anthropic's SDK, where the Messages API's own is not the best. */
  sdkStatus?: number;
}

const VALIDATION: Kind = { name: 'ValidationException', status: 400 };
const ACCESS_DENIED: Kind = { name: 'AccessDeniedException', status: 403, sdkStatus: 402 };
const UNAVAILABLE: Kind = { name: 'ServiceUnavailableException', status: 503 };
const INTERNAL: Kind = { name: 'InternalServerException', status: 500 };
const TIMEOUT: Kind = { name: 'ModelTimeoutException', status: 408 };

const KINDS: Partial<Record<string, Kind>> = {
  authentication_error: { name: 'UnrecognizedClientException', status: 403 },
  billing_error: { name: 'ServiceQuotaExceededException', status: 400 },
  invalid_request_error: VALIDATION,
  not_found_error: { name: 'ResourceNotFoundException', status: 404 },
  overloaded_error: UNAVAILABLE,
  permission_error: ACCESS_DENIED,
  rate_limit_error: { name: 'ThrottlingException', status: 429 },
  request_too_large: { ...VALIDATION, status: 413 },
  timeout_error: TIMEOUT,
};

/** Reads an error's envelope; a body that is none gives way to a sentence with the status. */
export function readError(status: number, text: string): Omit<MessagesError, 'isDenied'> {
  const envelope = parseJson(text);
  const error = isJsonObject(envelope) ? envelope.error : undefined;
  if (isJsonObject(error) && typeof error.message === 'string') {
    return { status, type: String(error.type), message: error.message };
  }
  return { status, type: 'unknown', message: `The model provider answered with status ${status}.` };
}

/**
 * The exception for an error. `isSdk`: the client is made of Anthropic's SDK, as Claude Code is; it goes by the statuses
 * of the Messages API and by `x-should-retry`, where AWS's SDKs go by names and by 429 and 5xx.
 */
export function exceptionOf(error: MessagesError, isSdk: boolean): Exception {
  const { name, status, sdkStatus = error.status } = kindOf(error);
  return { name, status: isSdk ? sdkStatus : status, message: error.message };
}

function kindOf({ type, status, isDenied }: MessagesError): Kind {
  if (isDenied) return ACCESS_DENIED;
  const kind = KINDS[type];
  if (kind) return kind;
  if (status < 500) return { ...VALIDATION, status };
  if (status === 504) return TIMEOUT;
  return status === 500 ? INTERNAL : UNAVAILABLE;
}

/** The exception by which a stream ends where the Messages API has an `error` event, by that error's type. */
export function streamException(type: string): string {
  return STREAM_EXCEPTIONS[type] ?? 'internalServerException';
}

const STREAM_EXCEPTIONS: Partial<Record<string, string>> = {
  invalid_request_error: 'validationException',
  overloaded_error: 'serviceUnavailableException',
  rate_limit_error: 'throttlingException',
  timeout_error: 'modelTimeoutException',
};
