/** What can go wrong with an admin call that is no bug, and its one translation to the wire. */
import type { PolicyProblem } from '../../../durable-objects/core/policy/types.ts';
import { errorResponse } from '../../envelope.ts';

export type Failure =
  /** Nothing has that name; `what` as in "cost center squad". */
  | { why: 'unknown'; what: string }
  | { why: 'duplicate'; what: string }
  /** The thing is in a state that does not allow it; `message` is the sentence. */
  | { why: 'conflict'; message: string }
  /** Others kept changing the same thing. */
  | { why: 'contended' }
  | { why: 'invalid'; problems: PolicyProblem[] }
  | { why: 'unreadable'; message: string }
  | { why: 'unauthenticated' }
  | { why: 'too_large'; maxBytes: number }
  /** Stored, but the wallet has not said that it has it. `advice`: what to do where repeating the call is wrong. */
  | { why: 'unconfirmed'; stored: string; advice?: string }
  | { why: 'wallet_away' }
  | { why: 'delivery_away' }
  | { why: 'dry_run_away' }
  | { why: 'database_away' }
  | { why: 'archive_away' }
  /** A bug; the log has it under the request id. */
  | { why: 'bug' };

/** "`budgets[0].id`: …", and how many more there are. */
function sentenceOf(problems: readonly PolicyProblem[]): string {
  const [first, ...rest] = problems;
  if (!first) return 'the request is not valid';
  const more = rest.length === 0 ? '' : ` (and ${rest.length} more, see problems)`;
  return `${first.path}: ${first.message}${more}`;
}

export function fail(requestId: string, failure: Failure): Response {
  const options = { requestId };
  const unavailable = { requestId, status: 503, headers: { 'retry-after': '2' } };
  switch (failure.why) {
    case 'unknown':
      return errorResponse('not_found_error', `there is no ${failure.what}`, options);
    case 'duplicate':
      return errorResponse('conflict_error', `${failure.what} exists already`, options);
    case 'conflict':
      return errorResponse('conflict_error', failure.message, options);
    case 'contended':
      return errorResponse(
        'conflict_error',
        'others were changing this at the same time; try again',
        options,
      );
    case 'invalid': {
      const { problems } = failure;
      return errorResponse('invalid_request_error', sentenceOf(problems), { requestId, problems });
    }
    case 'unreadable':
      return errorResponse('invalid_request_error', failure.message, options);
    case 'unauthenticated':
      return errorResponse(
        'authentication_error',
        'expected the admin token as "Authorization: Bearer …"',
        options,
      );
    case 'too_large':
      return errorResponse(
        'request_too_large',
        `expected a body of at most ${failure.maxBytes} bytes`,
        options,
      );
    case 'unconfirmed': {
      const { stored, advice = 'repeat the call to make sure' } = failure;
      return errorResponse(
        'api_error',
        `${stored} is stored, but the wallet did not confirm it in time; it will take it up by itself, ${advice}`,
        unavailable,
      );
    }
    case 'wallet_away':
      return errorResponse('api_error', 'the wallet cannot be reached; try again', unavailable);
    case 'delivery_away':
      return errorResponse('api_error', 'the delivery of alerts cannot be reached; try again', unavailable);
    case 'dry_run_away':
      return errorResponse('api_error', 'the dry run cannot be reached; try again', unavailable);
    case 'database_away':
      return errorResponse('api_error', 'the database cannot be reached; try again', unavailable);
    case 'archive_away':
      return errorResponse(
        'api_error',
        'the bucket of the archive cannot be reached; try again',
        unavailable,
      );
    case 'bug':
      return errorResponse('api_error', 'an internal error; the log has it under this request id', options);
  }
}
