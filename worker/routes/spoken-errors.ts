/** Errors that no route has answered, in the terms of the clients that call such a path. */
import { errorResponse } from '../envelope.ts';
import { chatErrorReply } from '../providers/dialects/openai/reply.ts';
import { refused } from '../turn/bedrock-dialect.ts';

const OF_BEDROCK = /^\/(?:model|inference-profiles)(?:\/|$)/;
const OF_OPENAI = /^\/v1\/(?:chat|completions|embeddings|responses)(?:\/|$)/;

/** Nothing is at this path, or not by this method. */
export async function nothingThere(request: Request, requestId: string): Promise<Response> {
  const { pathname } = new URL(request.url);
  const message = `There is nothing at ${request.method} ${pathname}.`;
  // To clients of OpenAI a `not_found_error` is a model's.
  return OF_OPENAI.test(pathname)
    ? await asSpoken(request, errorResponse('invalid_request_error', message, { requestId, status: 404 }))
    : await asSpoken(request, errorResponse('not_found_error', message, { requestId }));
}

/** An error envelope as the request's client reads it. */
export async function asSpoken(request: Request, error: Response): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (OF_BEDROCK.test(pathname)) return await refused(error, request);
  return OF_OPENAI.test(pathname) ? await chatErrorReply(error, null) : error;
}
