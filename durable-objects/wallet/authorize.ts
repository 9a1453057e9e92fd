/** Whether a key may be used, asked without a turn. */
import { fullest } from '../core/standing.ts';
import { type Configuration, policyInForce } from './configuration.ts';
import { keyProblem } from './open.ts';
import type { AuthorizeReply } from './rpc.ts';
import { standingsFor, toStandingView } from './standings.ts';
import type { WalletState } from './state.ts';

/** Checks a key, and tells the fullest budget that binds its holder whatever the model and session. Reads only. */
export function authorizeKey(
  state: WalletState,
  configuration: Configuration,
  keyId: string,
): AuthorizeReply {
  const nowMs = state.clock.now();
  const key = state.keys.find(keyId);
  const problem = keyProblem(key, nowMs);
  if (problem || !key) return { status: 'key_rejected', problem: problem ?? 'unknown' };
  const { developer } = key;
  const { costCenter } = configuration;
  const policy = policyInForce(configuration, nowMs, null);
  if (!policy) return { status: 'authorized', developer, standing: null, providers: null };
  const caller = { costCenter, developer, keyId, session: null };
  const standings = standingsFor(state, policy.policy, caller, nowMs);
  const standing = fullest(standings.filter(({ budget }) => budget.line === null));
  return {
    status: 'authorized',
    developer,
    standing: standing && toStandingView(standing, policy.policy.timezone),
    providers: policy.policy.allowedProviders,
  };
}
