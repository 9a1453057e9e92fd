/**
 * A body of Bedrock's InvokeModel as one of the Messages API. Bedrock has the model in the path, whether to stream in the
 * operation, and the API's version and betas in the body; all else is the same and stays byte for byte. What is refused
 * is refused in Bedrock's words, by which clients mend their requests.
 */
import { err, ok, type Result } from '../../../../durable-objects/core/result.ts';
import { isJsonObject, type JsonObject } from '../../json-edit.ts';
import { spliceMembers } from '../../json-splice.ts';

/** What is wrong with a request; the two together are the sentence the client reads, with a colon between. */
export interface RequestProblem {
  path: string;
  message: string;
}

/** A request's body in the terms of the Messages API, and what of it belongs into headers there. */
export interface MessagesRequest {
  bytes: Uint8Array;
  /** Of the Messages API, `YYYY-MM-DD`; null where Bedrock's own version was named. */
  apiVersion: string | null;
  /** In their order; by the names the API has for them. */
  betas: readonly string[];
}

/** Bedrock's own versions, such as "bedrock-2023-05-31"; newer clients name one of the API. */
const BEDROCK_VERSION = /^bedrock-\d{4}-\d{2}-\d{2}$/;
const API_VERSION = /^\d{4}-\d{2}-\d{2}$/;
/** A beta stands in a header, in a list with commas. */
const BETA = /^[\x21-\x2b\x2d-\x7e]{1,256}$/;

/** Betas that Bedrock knows by another name than the API: those for the same use of Claude Code in its two modes. */
const API_BETAS: ReadonlyMap<string, string> = new Map([
  ['tool-search-tool-2025-10-19', 'advanced-tool-use-2025-11-20'],
]);

/**
 * `members` (the model, and whether to stream) come into the body; `removed` go out of it. The bytes and their parsed
 * form are not kept.
 */
export function toMessages(
  bytes: Uint8Array,
  members: JsonObject,
  removed: readonly string[] = [],
): Result<MessagesRequest, RequestProblem> {
  const body = parsed(bytes);
  if (body === null) return err(malformed('#: expected a JSON object in UTF-8'));
  const extraneous = ['model', 'stream'].find((name) => name in body);
  if (extraneous !== undefined) return err(malformed(`#: extraneous key [${extraneous}] is not permitted`));
  const { anthropic_version: version, anthropic_beta: betas } = body;
  if (version === undefined) return err(malformed('#: required key [anthropic_version] not found'));
  if (typeof version !== 'string' || !(BEDROCK_VERSION.test(version) || API_VERSION.test(version))) {
    return err({ path: 'anthropic_version', message: 'expected "bedrock-2023-05-31"' });
  }
  if (!isBetaList(betas)) {
    return err({
      path: 'anthropic_beta',
      message: 'expected a list of names, such as ["context-1m-2025-08-07"]',
    });
  }
  const gone = ['anthropic_beta', ...removed];
  return ok({
    bytes: spliceMembers(bytes, 'anthropic_version', members, gone) ?? rewritten(body, members, gone),
    apiVersion: API_VERSION.test(version) ? version : null,
    betas: (betas ?? []).map((name) => API_BETAS.get(name) ?? name),
  });
}

function isBetaList(value: unknown): value is string[] | null | undefined {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) && value.every((name) => typeof name === 'string' && BETA.test(name));
}

/** A body that can't be edited in its own bytes, such as one with a member twice: as JSON reads it. */
function rewritten(body: JsonObject, members: JsonObject, removed: readonly string[]): Uint8Array {
  const { anthropic_version: _, ...rest } = body;
  const kept = Object.entries(rest).filter(([name]) => !removed.includes(name));
  return new TextEncoder().encode(JSON.stringify({ ...Object.fromEntries(kept), ...members }));
}

/** Null where the bytes are no JSON object. */
function parsed(bytes: Uint8Array): JsonObject | null {
  try {
    const value: unknown = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes),
    );
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function malformed(what: string): RequestProblem {
  return {
    path: 'Malformed input request',
    message: `${what}, please reformat your input and try again.`,
  };
}
