/**
 * Limits besides money: whether a turn fits in those of the policy in force. One that does not is sent away for as long
 * as it takes, before anything is decided over it; one refusal a minute, limit and subject is booked, and the others
 * are answered and leave no trace, so that a client that keeps trying fills neither the ledger nor the wallet.
 */
import { findModel } from '../core/catalogue/lookup.ts';
import type { Catalogue } from '../core/catalogue/types.ts';
import { estimateOutputTokens, estimatePromptTokens } from '../core/estimate.ts';
import type { SessionHistory } from '../core/history.ts';
import type { Policy, PolicyVersion, RateFigures, RateLimit } from '../core/policy/types.ts';
import { limitSentence } from '../core/refusal.ts';
import { retryAfterSeconds } from '../core/refuse.ts';
import type { TurnFacts } from '../core/turn.ts';
import { type Configuration, isExempt, policyInForce } from './configuration.ts';
import type { VirtualKey } from './keys.ts';
import { type LimitHit, type Rated, rateSubject, subjectIn } from './rates.ts';
import type { OpenRequest, RateView, Refusal } from './rpc.ts';
import type { WalletState } from './state.ts';

/** A turn that does not fit. */
export interface Limited {
  hit: LimitHit;
  refusal: Refusal;
  /** A refusal by this limit is booked already. */
  isTold: boolean;
}

/** `limit:developer@requests_per_minute`, as a reason. */
export function limitReason({ id, figure }: LimitHit): string {
  return `limit:${id}@${figure}`;
}

interface Waiting {
  hit: LimitHit;
  seconds: number;
}

/** Expected prompt and output on the model asked for. */
function expectedTokens(facts: TurnFacts, history: SessionHistory | null, catalogue: Catalogue): number {
  const model = findModel(catalogue, facts.model);
  return estimatePromptTokens(facts, history, model) + estimateOutputTokens(facts, history, model);
}

/** A limit's figures for a subject; only developers have overrides. */
function figuresOf(limit: RateLimit, subject: string): RateFigures {
  return limit.overrides.get(subject) ?? limit;
}

/** Of the limits that a turn does not fit in, the one that it has to wait for longest. */
function longestWait(
  state: WalletState,
  policy: Policy,
  rated: Rated,
  facts: TurnFacts,
  nowMs: number,
): Waiting | null {
  const { windows, answers } = state.turns.rates;
  const isCounted = policy.limits.some(
    (limit) => figuresOf(limit, subjectIn(limit.scope, rated)).tokensPerMinute !== null,
  );
  const tokens = isCounted ? expectedTokens(facts, state.sessions.history(facts), state.catalogue) : 0;
  const spread = retryAfterSeconds(state.clock.counts().openSeq + answers);
  let longest: Waiting | null = null;
  for (const limit of policy.limits) {
    const { id, scope } = limit;
    const subject = subjectIn(scope, rated);
    const hits = windows.hits(rateSubject(scope, subject), figuresOf(limit, subject), tokens, nowMs);
    for (const { figure, most, waitMs } of hits) {
      const seconds = waitMs === null ? spread : Math.ceil(waitMs / 1_000);
      if (longest && longest.seconds >= seconds) continue;
      longest = { hit: { id, scope, subject, figure, most }, seconds };
    }
  }
  return longest;
}

/** Whether a turn fits in the limits of a policy now. */
export function fitsIn(
  state: WalletState,
  { policy }: PolicyVersion,
  rated: Rated,
  facts: TurnFacts,
  nowMs: number,
): boolean {
  return longestWait(state, policy, rated, facts, nowMs) === null;
}

/** What stands in the way of a turn that is about to be opened; null where it fits, or limits are lifted. Reads only. */
export function limitOver(
  state: WalletState,
  configuration: Configuration,
  { facts }: OpenRequest,
  { developer, id: keyId }: VirtualKey,
): Limited | null {
  const nowMs = state.clock.now();
  const policy = policyInForce(configuration, nowMs, facts.session);
  if (!policy || policy.policy.limits.length === 0 || isExempt(configuration, nowMs)) return null;
  const { costCenter, names } = configuration;
  const found = longestWait(state, policy.policy, { costCenter, developer, keyId }, facts, nowMs);
  if (!found) return null;
  const { hit, seconds } = found;
  const refusal: Refusal = {
    why: 'limit',
    retryable: true,
    retryAfterSeconds: seconds,
    message: limitSentence(hit, seconds, names),
    standing: null,
  };
  return { hit, refusal, isTold: state.turns.rates.isTold(hit, nowMs) };
}

/** How one subject stands to a limit. */
function rateView(state: WalletState, limit: RateLimit, subject: string, nowMs: number): RateView {
  const { scope } = limit;
  const { requests, tokens, openTurns } = state.turns.rates.windows.use(rateSubject(scope, subject), nowMs);
  const figures = figuresOf(limit, subject);
  return {
    scope,
    subject,
    requestsLastMinute: requests,
    requestsPerMinute: figures.requestsPerMinute,
    tokensLastMinute: tokens,
    tokensPerMinute: figures.tokensPerMinute,
    concurrentTurns: openTurns,
    concurrentTurnsLimit: figures.concurrentTurns,
  };
}

/** How every subject that used anything within the last minute stands to its limits. Reads only. */
export function rateViews(state: WalletState, { limits }: Policy, nowMs: number): RateView[] {
  const names = state.turns.rates.windows.subjects(nowMs);
  return limits.flatMap((limit) => {
    const prefix = rateSubject(limit.scope, '');
    const subjects = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
    return subjects.toSorted().map((subject) => rateView(state, limit, subject, nowMs));
  });
}

/** How whoever is asked about stands to each limit, used or not. Reads only. */
export function ratesOf(state: WalletState, { limits }: Policy, rated: Rated, nowMs: number): RateView[] {
  return limits.map((limit) => rateView(state, limit, subjectIn(limit.scope, rated), nowMs));
}
