/** Which signals the guard of a rollout watches, and how that is changed while it goes on. */
import { GUARD_SIGNALS, type GuardSignal } from '../../durable-objects/core/guards/signals.ts';
import { formatShare } from '../../durable-objects/core/policy/canary.ts';
import type { Database } from '../store/database.ts';
import { changeRollout, openRollouts, type Rollout } from '../store/policy-rollouts.ts';
import type { PolicyFacts, PolicyMove } from '../store/policy-versions.ts';
import { stateOf } from './approval.ts';
import { conflict, type LifecycleContext, type Verdict } from './lifecycle.ts';

/** Signals that are switched on or off; those that are not named stay as they are. */
export type GuardSwitches = { [Signal in GuardSignal]?: boolean | undefined };

/** The signals that are watched after some were switched, in their order. */
export function switched(before: readonly GuardSignal[], switches: GuardSwitches): GuardSignal[] {
  return GUARD_SIGNALS.filter((signal) => switches[signal] ?? before.includes(signal));
}

function isSame(one: readonly GuardSignal[], other: readonly GuardSignal[]): boolean {
  return one.join() === other.join();
}

/** A rollout as the audit log has it. */
export function told({ shareMillionths, guards }: Pick<Rollout, 'shareMillionths' | 'guards'>) {
  return { canary: shareMillionths === null ? null : { share: formatShare(shareMillionths) }, guards };
}

/** Changes a rollout that goes on; unchanged where it is so already. */
export function changed(
  database: Database,
  rollout: Rollout,
  { shareMillionths, switches }: { shareMillionths: number | null; switches: GuardSwitches },
): Verdict {
  const guards = switched(rollout.guards, switches);
  if (shareMillionths === rollout.shareMillionths && isSame(guards, rollout.guards))
    return { kind: 'unchanged' };
  const isCanary = rollout.kind === 'canary';
  const move: PolicyMove = {
    action: isCanary ? 'policy.canary' : 'policy.guards',
    edit: { state: isCanary ? 'canary' : 'live' },
    before: told(rollout),
    after: told({ shareMillionths, guards }),
    statements: [changeRollout(database, rollout, { shareMillionths, guards })],
  };
  return { kind: 'move', move };
}

/** Switches the guards of the live version, while it is watched. */
export async function switchGuards(
  { database }: LifecycleContext,
  facts: PolicyFacts,
  switches: GuardSwitches,
): Promise<Verdict> {
  if (Object.keys(switches).length === 0) return { kind: 'unchanged' };
  const { row, owner } = facts;
  const rollouts = await openRollouts(database, owner.id);
  const live = rollouts.find(({ kind, version }) => kind === 'live' && version === row.version);
  if (!live) {
    // Off is what they are: the call that put the first version in force may be repeated.
    const isOff = Object.values(switches).every((isOn) => isOn === false);
    return isOff
      ? { kind: 'unchanged' }
      : conflict(`${stateOf(facts)} and no guard watches it: there is none to switch on`);
  }
  return changed(database, live, { shareMillionths: null, switches });
}
