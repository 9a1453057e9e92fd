/** What can go wrong with an admin call that is no bug, and its one translation to the wire. */
import type { PolicyProblem } from '../../../durable-objects/core/policy/types.ts';
import type { Refusal } from '../../auth/assertion.ts';
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
  | { why: 'unauthenticated'; refusal: Refusal | 'missing' }
  /** Whoever calls is known, and may not do this; `message` names the action and the role that may. */
  | { why: 'forbidden'; message: string }
  | { why: 'too_large'; maxBytes: number }
  /** Stored, but the wallet has not said that it has it. `advice`: what to do where repeating the call is wrong. */
  | { why: 'unconfirmed'; stored: string; advice?: string }
  | { why: 'wallet_away' }
  | { why: 'delivery_away' }
  | { why: 'dry_run_away' }
  | { why: 'database_away' }
  /** The audit log could not take the change's event; nothing was changed. */
  | { why: 'audit_busy' }
  | { why: 'archive_away' }
  /** The keys of an identity provider cannot be had, so that nobody can tell whether a token is good. */
  | { why: 'issuer_away' }
  /** A bug; the log has it under the request id. */
  | { why: 'bug' };

const EXPECTED =
  'expected the admin token, a service token or an identity provider’s token as "Authorization: Bearer …", or Cloudflare Access in front';

/** What a caller is told of a credential that proves nothing. */
const UNAUTHENTICATED: Record<Refusal | 'missing', string> = {
  missing: EXPECTED,
  unknown_token: `this token is not known: ${EXPECTED}`,
  malformed: `this token cannot be read: ${EXPECTED}`,
  untrusted_issuer: 'this token is of an issuer that this deployment does not trust',
  algorithm: 'this token is signed in a way that this deployment does not accept',
  unknown_key: 'this token is signed with a key that its issuer does not list',
  signature: 'the signature of this token is not its issuer’s',
  expired: 'this token has expired',
  not_yet_valid: 'this token is not valid yet',
  audience: 'this token is meant for somebody else: its audience is not this deployment’s',
  claims: 'this token lacks a claim that it needs: exp, aud, and sub or common_name',
  revoked: 'this token was revoked',
  cross_site: 'a page of another site made this request; what changes something has to come from here',
};

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
      return errorResponse('authentication_error', UNAUTHENTICATED[failure.refusal], options);
    case 'forbidden':
      return errorResponse('permission_error', failure.message, options);
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
    case 'audit_busy':
      return errorResponse(
        'api_error',
        'the audit log is busy and nothing was changed; try again',
        unavailable,
      );
    case 'archive_away':
      return errorResponse(
        'api_error',
        'the bucket of the archive cannot be reached; try again',
        unavailable,
      );
    case 'issuer_away':
      return errorResponse('api_error', 'the identity provider cannot be reached; try again', unavailable);
    case 'bug':
      return errorResponse('api_error', 'an internal error; the log has it under this request id', options);
  }
}
