/** Answers of the Messages API, and errors in its envelope, as a client of OpenAI reads them. Status and headers stay. */
import { parseJson } from '../../message-event.ts';
import { isModelDenied } from '../model-denial.ts';
import { chatCompletion } from './completion.ts';
import { chatError, DENIED } from './error.ts';
import type { Asked } from './request.ts';
import { translateStream } from './stream.ts';

/** Of a body that is written anew, and of a client that shows no budget by them. */
const NOT_KEPT = /^(?:content-length|content-encoding|content-type|anthropic-ratelimit-.*)$/;
/** Anthropic's own status for an overload, and the one that everybody knows. */
const OVERLOADED = 529;
const UNAVAILABLE = 503;
const BAD_GATEWAY = 502;
const FORBIDDEN = 403;

/** The answer to a chat; a stream is translated as it comes. `nowMs` tells the time in epoch ms. */
export async function chatReply(response: Response, asked: Asked, nowMs: () => number): Promise<Response> {
  const { status, body } = response;
  if (!response.ok) return await chatErrorReply(response, asked);
  if (body && /^\s*text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')) {
    const headers = headersOf(response, 'text/event-stream; charset=utf-8');
    return new Response(translateStream(body, asked, nowMs), { status, headers });
  }
  // An answer that breaks off before the client has seen any of it can still become an error.
  const text = await response.text().catch(() => '');
  const completion = chatCompletion(parseJson(text), asked, Math.floor(nowMs() / 1000));
  if (completion) return jsonReply(response, status, completion);
  const message = 'The answer of the model provider broke off.';
  return jsonReply(response, BAD_GATEWAY, { error: chatError('', message, asked) });
}

/** The same for an error. `asked` is null where the request was not understood. */
export async function chatErrorReply(response: Response, asked: Asked | null): Promise<Response> {
  const text = await response.text().catch(() => '');
  const error = chatError(text, `The model provider answered ${response.status}.`, asked);
  if (isModelDenied(response.headers)) {
    return jsonReply(response, FORBIDDEN, { error: { ...error, ...DENIED } });
  }
  const status = response.status === OVERLOADED ? UNAVAILABLE : response.status;
  return jsonReply(response, status, { error });
}

function jsonReply(response: Response, status: number, body: object): Response {
  return new Response(JSON.stringify(body), { status, headers: headersOf(response, 'application/json') });
}

function headersOf({ headers: given }: Response, contentType: string): Headers {
  const headers = new Headers({ 'content-type': contentType });
  for (const [name, value] of given) if (!NOT_KEPT.test(name)) headers.append(name, value);
  const requestId = given.get('request-id');
  // Where OpenAI's clients look for it.
  if (requestId !== null) headers.set('x-request-id', requestId);
  return headers;
}
