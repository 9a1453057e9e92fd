/** Rollouts as the wallet's copy has them, and which of them a turn is watched by. */
import { z } from 'zod';
import type { Side } from '../core/guards/observe.ts';
import { GUARD_SIGNALS, type GuardSignal } from '../core/guards/signals.ts';
import { isInCanary } from '../core/policy/canary.ts';
import type { PolicyVersion } from '../core/policy/types.ts';

/** A version that is tried by a share of sessions, or that went live in another one's place. */
export interface Rollout {
  id: string;
  kind: 'canary' | 'live';
  version: number;
  baseVersion: number;
  /** Of a canary. */
  shareMillionths: number | null;
  /** The signals that trip its guard. */
  guards: readonly GuardSignal[];
  /** Epoch ms; null: as long as it lasts. */
  watchUntilMs: number | null;
  /** A canary's own policy; of one that went live, its base's. */
  policy: PolicyVersion;
}

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** As the view `wallet_configurations` gives them. */
export const rolloutSchema = z.object({
  id: z.string(),
  kind: z.enum(['canary', 'live']),
  version: z.number().int(),
  base_version: z.number().int(),
  share_millionths: z.number().int().nullable(),
  guards: z.array(z.enum(GUARD_SIGNALS)),
  watch_until: instant.nullable(),
  policy_version: z.number().int(),
  policy: z.unknown(),
});

/** Throws where its policy cannot be read. */
export function toRollout(
  row: z.output<typeof rolloutSchema>,
  read: (version: number, document: unknown) => PolicyVersion,
): Rollout {
  return {
    id: row.id,
    kind: row.kind,
    version: row.version,
    baseVersion: row.base_version,
    shareMillionths: row.share_millionths,
    guards: row.guards,
    watchUntilMs: row.watch_until,
    policy: read(row.policy_version, row.policy),
  };
}

/** What decides, as far as rollouts have a say in it. */
export interface RolledOut {
  livePolicy: PolicyVersion | null;
  rollouts: readonly Rollout[];
  /** Ids of those whose guard tripped. */
  tripped: ReadonlySet<string>;
}

/** The rollout by which the live version came, where its guard tripped; null: none did. */
export function takenBack({ livePolicy, rollouts, tripped }: RolledOut): Rollout | null {
  const isBack = ({ id, kind, version }: Rollout): boolean =>
    kind === 'live' && version === livePolicy?.version && tripped.has(id);
  return rollouts.find(isBack) ?? null;
}

/** The live version; where its guard tripped, the one before it. */
function liveVersion(rolledOut: RolledOut): PolicyVersion | null {
  return takenBack(rolledOut)?.policy ?? rolledOut.livePolicy;
}

/** The canary, where one runs and its guard has not tripped. */
function canaryOf({ rollouts, tripped }: RolledOut): Rollout | null {
  return rollouts.find(({ id, kind }) => kind === 'canary' && !tripped.has(id)) ?? null;
}

function hasIn({ version, shareMillionths }: Rollout, session: string | null): boolean {
  return session !== null && shareMillionths !== null && isInCanary(session, version, shareMillionths);
}

/** The version that decides over a session's turns; null: of no session in particular. */
export function versionFor(rolledOut: RolledOut, session: string | null): PolicyVersion | null {
  const canary = canaryOf(rolledOut);
  return canary && hasIn(canary, session) ? canary.policy : liveVersion(rolledOut);
}

/** A rollout that a session's turns tell of. */
export interface Watching {
  rollout: Rollout;
  side: Side;
  /** What the turn is decided by on the other side. */
  other: PolicyVersion;
}

/** The rollouts that a session's turns tell of at an instant. */
export function watchingOf(rolledOut: RolledOut, session: string, nowMs: number): Watching[] {
  const { rollouts, tripped, livePolicy } = rolledOut;
  const canary = canaryOf(rolledOut);
  const live = liveVersion(rolledOut);
  const isIn = canary !== null && hasIn(canary, session);
  const watching: Watching[] = [];
  if (canary && live) {
    watching.push({ rollout: canary, side: isIn ? 'candidate' : 'base', other: isIn ? live : canary.policy });
  }
  const isWatched = ({ id, kind, version, watchUntilMs }: Rollout): boolean =>
    kind === 'live' &&
    version === livePolicy?.version &&
    !tripped.has(id) &&
    (watchUntilMs === null || nowMs < watchUntilMs);
  const young = isIn ? undefined : rollouts.find(isWatched);
  if (young) watching.push({ rollout: young, side: 'candidate', other: young.policy });
  return watching;
}
