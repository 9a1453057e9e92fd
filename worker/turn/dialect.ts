/**
 * How a client speaks. A turn runs in the terms of the Messages API; a dialect translates a request on its way in and
 * the answer on its way out, refusals and errors included.
 */
import { ok, type Result } from '../../durable-objects/core/result.ts';
import type { BodyProblem } from './inspect.ts';
import { pathOf } from './upstream.ts';

/** A request in the terms of the Messages API. */
export interface Translation {
  /** The body; `bytes` themselves where nothing had to change. */
  bytes: Uint8Array;
  /** The client's, with what the API wants of them. */
  headers: Headers;
  /** "/v1/messages" or "/v1/messages/count_tokens", with a query where there is one. */
  path: string;
  /** The answer to it as the client reads it, Bursar's own headers kept. A stream is passed on as it comes. */
  answer(response: Response): Response | Promise<Response>;
}

export interface Dialect {
  /** Keeps neither the bytes nor their parsed form. A problem names the field as the client calls it. */
  translate(bytes: Uint8Array, request: Request): Result<Translation, BodyProblem>;
  /** The same for an error envelope that answers a request before it was understood. */
  refuse(response: Response): Response | Promise<Response>;
}

/** The Messages API itself: bytes pass as they are. */
export const NATIVE: Dialect = {
  translate: (bytes, request) =>
    ok({ bytes, headers: request.headers, path: pathOf(request), answer: (response) => response }),
  refuse: (response) => response,
};
