/**
 * The Anthropic error envelope, in which every error of every route is answered, with its `request-id`.
 * Types and statuses: Anthropic's own list, so that clients react as they do to the API itself.
 */

const STATUS = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  overloaded_error: 529,
} as const;

export type ErrorType = keyof typeof STATUS;

export interface EnvelopeOptions {
  requestId: string;
  /** Where it differs from the type's own status (a billing_error at 429, an api_error at 502 or 503). */
  status?: number;
  headers?: Record<string, string>;
  /** One entry a wrong field, with its JSON path. */
  problems?: readonly { path: string; message: string }[];
}

/** An error response; `message` is one readable sentence that names what was wrong and what was expected. */
export function errorResponse(type: ErrorType, message: string, options: EnvelopeOptions): Response {
  const error = options.problems ? { type, message, problems: options.problems } : { type, message };
  return Response.json(
    { type: 'error', error, request_id: options.requestId },
    {
      status: options.status ?? STATUS[type],
      headers: { ...options.headers, 'request-id': options.requestId },
    },
  );
}
