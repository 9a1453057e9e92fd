/** What a developer's request for more tells the guards of the rollouts they are in. */
import { ofIncreaseRequest } from '../core/guards/observe.ts';
import type { PolicyVersion } from '../core/policy/types.ts';
import { type Configuration, isExempt, policyInForce, watchingIn } from './configuration.ts';
import { see } from './guard-watch.ts';
import { standingsFor } from './standings.ts';
import type { WalletState } from './state.ts';

/** A request of a session that is idle for longer is about none of its turns. */
const RECENT_MS = 86_400_000;

/** Tells of a request, by where its developer stands under either policy. Call inside a transaction. */
export function watchAsking(
  state: WalletState,
  configuration: Configuration,
  asking: { keyId: string; requestId: string; session: string | null },
): void {
  const { requestId, keyId } = asking;
  const { costCenter, rollouts } = configuration;
  const key = state.keys.find(keyId);
  if (!key || rollouts.length === 0) return;
  const { developer } = key;
  const nowMs = state.clock.now();
  if (isExempt(configuration, nowMs)) return;
  const [recent] = state.served.activeSince(developer, nowMs - RECENT_MS, 1);
  const session = asking.session ?? recent?.session;
  if (session === undefined) return;
  const policy = policyInForce(configuration, nowMs, session);
  if (!policy) return;
  const standingsUnder = (version: PolicyVersion) =>
    standingsFor(state, version.policy, { costCenter, developer, keyId, session }, nowMs);
  const turn = { costCenter, turnId: null, session, developer, policyVersion: policy.version };
  for (const { rollout, side, other } of watchingIn(configuration, nowMs, session)) {
    const observed = { side, session, developer, turnId: requestId, nowMs };
    const seen = ofIncreaseRequest(observed, standingsUnder(policy), standingsUnder(other));
    if (seen) see({ state, configuration }, rollout, seen, turn);
  }
}
