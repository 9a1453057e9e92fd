/**
 * Acts on a wallet that go to its audit chain, and how they are told there. Each function is called inside the
 * transaction of its act.
 */
import type { Renaming } from '../core/pseudonym.ts';
import type { WalletAct, WalletAudit } from './audit.ts';
import { type Configuration, policyInForce } from './configuration.ts';
import type { RefusedCopy } from './configuration-copy.ts';
import type { WalletState } from './state.ts';

export function recordApplied(
  audit: WalletAudit,
  before: Configuration | null,
  after: Configuration,
  nowMs: number,
): void {
  const details = {
    previous_revision: before?.revision ?? null,
    policy_version: after.livePolicy?.version ?? null,
    scheduled_policy_version: after.scheduledPolicy?.version ?? null,
  };
  const target = String(after.revision);
  audit.record(after.costCenter, { actor: 'wallet', action: 'configuration.apply', target, details }, nowMs);
  for (const { version, as, why } of after.refusedPolicies) {
    const refused = { revision: after.revision, as, why };
    const act = {
      actor: 'wallet',
      action: 'policy.refuse',
      target: String(version),
      details: refused,
    } as const;
    audit.recordOnce(after.costCenter, act, nowMs);
  }
}

/** A copy that stays unreadable is pulled again and again, and told of once. */
export function recordRefused(
  audit: WalletAudit,
  { costCenter, revision, policyVersion, why }: RefusedCopy,
  nowMs: number,
): void {
  const details = { policy_version: policyVersion, why };
  const target = String(revision);
  audit.recordOnce(costCenter, { actor: 'wallet', action: 'configuration.refuse', target, details }, nowMs);
}

/** A call that is repeated renames what came since, and is told of once. */
export function recordRenamed(state: WalletState, { pseudonym }: Renaming): void {
  const { audit, clock } = state;
  const act = { actor: 'admin', action: 'developer.pseudonymise', target: pseudonym, details: {} } as const;
  whereKnown(state, (costCenter) => audit.recordOnce(costCenter, act, clock.now()));
}

export function recordHoldEnded(state: WalletState, turnId: string, reason: string): void {
  record(state, { actor: 'admin', action: 'hold.end', target: turnId, details: { reason } });
}

/** Marks a link's code as used; false where it was. */
export function redeemCode(state: WalletState, code: string, untilMs: number): boolean {
  if (!state.redeemedCodes.redeem(code, untilMs)) return false;
  record(state, { actor: 'link', action: 'link.redeem', target: code, details: {} });
  return true;
}

/** Tells of an event outside a turn's decision, unless it was told within this hour. */
export function raiseAlert(
  state: WalletState,
  costCenter: string,
  { on, turnId, facts }: { on: string; turnId: string | null; facts: unknown },
): void {
  const nowMs = state.clock.now();
  const configuration = state.configuration.current();
  const policy = configuration && policyInForce(configuration, nowMs, null);
  const policyVersion = policy?.version ?? null;
  const turn = { costCenter, turnId, session: null, developer: null, policyVersion };
  if (!state.alerts.tell(on, costCenter, turn, facts, nowMs)) return;
  const act = { actor: 'gateway', action: 'alert.raise', target: on, details: { turn_id: turnId } } as const;
  state.audit.record(costCenter, act, nowMs);
}

export function recordPreference(
  state: WalletState,
  keyId: string,
  session: string,
  wish: { before: string | null; after: string | null },
): void {
  record(state, { actor: `key:${keyId}`, action: 'session.prefer', target: session, details: { ...wish } });
}

function record(state: WalletState, act: WalletAct): void {
  const { audit, clock } = state;
  whereKnown(state, (costCenter) => audit.record(costCenter, act, clock.now()));
}

/** A wallet without a configuration has no keys, so nobody has done anything to it. */
function whereKnown(state: WalletState, then: (costCenter: string) => void): void {
  const configuration = state.configuration.current();
  if (configuration) then(configuration.costCenter);
}
