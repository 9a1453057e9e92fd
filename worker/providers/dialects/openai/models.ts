/**
 * The Models API's answers with what OpenAI's clients read in them besides, for both kinds of clients ask at the same
 * path. What they both know means the same to both.
 */
import { isJsonObject, type JsonObject } from '../../json-edit.ts';
import { parseJson } from '../../message-event.ts';
import { chatError } from './error.ts';

const OWNER = 'anthropic';
/** OpenAI's clients ask once, and know of no pages. */
const ALL = '1000';

/** The query of a list whose client may know of no pages. */
export function wholeList(search: URLSearchParams): URLSearchParams {
  const whole = new URLSearchParams(search);
  if (!whole.has('limit')) whole.set('limit', ALL);
  return whole;
}

/** A list of models, one model or an error, each with the other dialect's fields added; anything else as it is. */
export async function modelsReply(response: Response): Promise<Response> {
  const text = await response.text();
  const headers = new Headers(response.headers);
  headers.delete('content-length');
  const body = parseJson(text);
  const both = isJsonObject(body) ? forBoth(body, text) : null;
  return new Response(both ? JSON.stringify(both) : text, { status: response.status, headers });
}

function forBoth(body: JsonObject, text: string): JsonObject | null {
  if (Array.isArray(body.data)) {
    return {
      object: 'list',
      ...body,
      data: body.data.map((each) => (isJsonObject(each) ? modelForBoth(each) : each)),
    };
  }
  if (body.type === 'model') return modelForBoth(body);
  if (!isJsonObject(body.error)) return null;
  const { param, code } = chatError(text, '', null);
  return { ...body, error: { ...body.error, param, code } };
}

function modelForBoth(model: JsonObject): JsonObject {
  const created = typeof model.created_at === 'string' ? Date.parse(model.created_at) / 1000 : 0;
  return {
    object: 'model',
    created: Number.isFinite(created) ? Math.floor(created) : 0,
    owned_by: OWNER,
    ...model,
  };
}
