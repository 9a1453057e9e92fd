/** Errors a simulated upstream is told to answer with, in the API's envelope and with its headers. */
import { type ErrorType, errorResponse } from '../../envelope.ts';

const TYPE_BY_STATUS: Record<number, ErrorType> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

/** The error of a status from 400 to 599; a status the API has no type for gets the one of its hundred. */
export function failResponse(status: number, requestId: string): Response {
  const type = TYPE_BY_STATUS[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  const headers = status === 429 ? { 'retry-after': '1' } : {};
  return errorResponse(type, `simulated ${status}`, { requestId, status, headers });
}
