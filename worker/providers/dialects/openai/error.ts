/**
 * Errors in OpenAI's shape, the sentence as it was. Clients of OpenAI look at the status, then at `code`; the field that
 * was wrong goes by the client's own name.
 */
import { isJsonObject } from '../../json-edit.ts';
import { parseJson } from '../../message-event.ts';
import type { Asked } from './request.ts';

export interface ChatError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

type Kind = Pick<ChatError, 'type' | 'code'>;

const INVALID = 'invalid_request_error';

/** By the type in Anthropic's envelope; the words are OpenAI's. */
const KINDS: ReadonlyMap<unknown, Kind> = new Map<unknown, Kind>([
  ['invalid_request_error', { type: INVALID, code: null }],
  ['request_too_large', { type: INVALID, code: 'request_too_large' }],
  ['authentication_error', { type: INVALID, code: 'invalid_api_key' }],
  ['permission_error', { type: INVALID, code: 'permission_denied' }],
  ['not_found_error', { type: INVALID, code: 'model_not_found' }],
  ['conflict_error', { type: INVALID, code: 'conflict' }],
  ['rate_limit_error', { type: 'rate_limit_error', code: 'rate_limit_exceeded' }],
  ['billing_error', { type: 'insufficient_quota', code: 'insufficient_quota' }],
  ['overloaded_error', { type: 'service_unavailable_error', code: 'server_is_overloaded' }],
]);
/** A model that is not for this caller: no quota of theirs is used up. */
export const DENIED = { type: INVALID, param: 'model', code: 'permission_denied' } as const;
const OTHER: Kind = { type: 'server_error', code: null };

/** Spend limits of the organisation at the provider come as rate limits; waiting does not help there either. */
const SPENT = /^(?:enforced_spend_limit_reached|contract_spend_limit_reached|ramp_limit_exceeded)$/;
const TOO_LONG = /^(?:prompt|input) is too long/i;

/**
 * The error of an envelope's text; `fallback` is the message where it is none. `asked` is null for an error of a request
 * that was not understood: it names its field already.
 */
export function chatError(text: string, fallback: string, asked: Asked | null): ChatError {
  const envelope = parseJson(text);
  const error = isJsonObject(envelope) && isJsonObject(envelope.error) ? envelope.error : {};
  const message = typeof error.message === 'string' ? error.message : fallback;
  const details = isJsonObject(error.details) ? error.details : {};
  const isSpent = typeof details.error_code === 'string' && SPENT.test(details.error_code);
  const { type, code } = KINDS.get(isSpent ? 'billing_error' : error.type) ?? OTHER;
  return {
    message,
    type,
    param: type === INVALID ? paramOf(message, asked) : null,
    code: TOO_LONG.test(message) ? 'context_length_exceeded' : code,
  };
}

/** The field a message begins with; null where it begins with none. */
function paramOf(message: string, asked: Asked | null): string | null {
  const path = /^([a-z_][\w.[\]]*): /i.exec(message)?.[1] ?? null;
  if (path === null || path === 'body') return null;
  return asked === null || path.includes('[') ? path : clientPath(path.split('.'), asked);
}

/** Of the API's fields those that have another name here, and those that have the same; others the client didn't send. */
function clientPath([field = '', at = '', ...rest]: string[], asked: Asked): string | null {
  switch (field) {
    case 'model':
    case 'temperature':
    case 'top_p':
    case 'thinking':
    case 'cache_control':
      return field;
    case 'max_tokens':
      return asked.limitField;
    case 'stop_sequences':
      return 'stop';
    case 'system':
      return 'messages';
    case 'tool_choice':
      return asked.areFunctions ? 'function_call' : 'tool_choice';
    case 'messages': {
      const origin = asked.origins[Number(at)];
      return at === '' || origin === undefined ? 'messages' : `messages[${origin}]`;
    }
    case 'tools':
      return toolPath(at, rest, asked);
    default:
      return null;
  }
}

const TOOL_FIELDS: ReadonlyMap<string, string> = new Map([
  ['name', '.name'],
  ['description', '.description'],
  ['input_schema', '.parameters'],
]);

function toolPath(at: string, rest: readonly string[], { areFunctions }: Asked): string {
  if (at === '') return areFunctions ? 'functions' : 'tools';
  // Between the index and the field the API names the kind of tool: tools.0.custom.input_schema.
  const field = rest.map((each) => TOOL_FIELDS.get(each)).find((each) => each !== undefined) ?? '';
  return areFunctions ? `functions[${at}]${field}` : `tools[${at}].function${field}`;
}
