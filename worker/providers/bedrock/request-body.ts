/** A request of the Messages API as the body of a request to Bedrock: bridged, and with what Bedrock wants in it. */
import { type Edit, isJsonObject, type JsonObject, replace } from '../json-edit.ts';
import { editJson } from '../json-splice.ts';
import { type Accepted, acceptedBetas, askedBetas, INVOKE_MODEL, MESSAGES_ENDPOINT } from './accepted.ts';
import { bridgeEdits } from './bridge.ts';
import { hasStructuredOutputs } from './lacking.ts';

const VERSION = 'bedrock-2023-05-31';
const OPEN = 0x7b;
const CLOSE = 0x7d;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface BedrockBody {
  bytes: Uint8Array;
  /** Whether the answer is to be streamed. */
  stream: boolean;
  betas: string[];
}

/**
 * The body for InvokeModel: without model and stream, with version and betas in front. `forCount` adds the limit of the
 * answer that counting asks for and does not use. Null where the bytes are no JSON object.
 */
export function invokeBody(
  bytes: Uint8Array,
  headers: Headers,
  model: string,
  forCount = false,
): BedrockBody | null {
  const body = parsedObject(bytes);
  if (!body) return null;
  const { betas, edits } = bridged(body, headers, model, INVOKE_MODEL);
  const added: JsonObject = { anthropic_version: VERSION };
  if (betas.length > 0) added.anthropic_beta = betas;
  if (forCount && body.max_tokens === undefined) added.max_tokens = leastTokens(body.thinking);
  const left = editJson(bytes, edits, () => body);
  return { bytes: withMembers(left, added), stream: body.stream === true, betas };
}

/** The body for the Messages endpoint: with the id of the model there. The same bytes where nothing has to change. */
export function messagesBody(
  bytes: Uint8Array,
  headers: Headers,
  model: string,
  id: string,
): BedrockBody | null {
  const body = parsedObject(bytes);
  if (!body) return null;
  const { betas, edits } = bridged(body, headers, model, MESSAGES_ENDPOINT);
  const named = body.model === undefined ? edits : [...edits, replace(['model'], id)];
  return { bytes: editJson(bytes, named, () => body), stream: body.stream === true, betas };
}

function bridged(
  body: JsonObject,
  headers: Headers,
  model: string,
  accepted: Accepted,
): { betas: string[]; edits: Edit[] } {
  const betas = acceptedBetas(askedBetas(headers, body.anthropic_beta), accepted);
  const structured = accepted.structuredOutputs && hasStructuredOutputs(model);
  return { betas, edits: bridgeEdits(body, accepted, betas, structured) };
}

function parsedObject(bytes: Uint8Array): JsonObject | null {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** The object with members in front of its own. */
function withMembers(object: Uint8Array, members: JsonObject): Uint8Array {
  const open = object.indexOf(OPEN);
  const rest = object.subarray(open + 1);
  const first = rest.find((byte) => byte > 0x20);
  const text = JSON.stringify(members);
  const front = encoder.encode(first === CLOSE ? text.slice(0, -1) : `${text.slice(0, -1)},`);
  const whole = new Uint8Array(front.length + rest.length);
  whole.set(front);
  whole.set(rest, front.length);
  return whole;
}

/** A thinking budget has to be below the answer's limit. */
function leastTokens(thinking: unknown): number {
  const budget = isJsonObject(thinking) ? thinking.budget_tokens : undefined;
  return typeof budget === 'number' && budget > 0 ? budget + 1 : 1;
}
