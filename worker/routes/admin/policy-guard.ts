/** `guard` of a policy version: what its last rollout's guard watches, what it has counted, and what it did. */
import { z } from '@hono/zod-openapi';
import { GUARD_SIGNALS } from '../../../durable-objects/core/guards/signals.ts';
import { formatShare } from '../../../durable-objects/core/policy/canary.ts';
import type { TripEvidence } from '../../../durable-objects/ledger/policy-trip.ts';
import type { GuardFigures, SignalFigures } from '../../../durable-objects/wallet/rpc.ts';
import type { CostCenter } from '../../store/cost-centers.ts';
import { findTrip, lastRollout, type Rollout } from '../../store/policy-rollouts.ts';
import { walletOf } from '../../store/wallets.ts';
import { callWallet } from '../../turn/wallet-call.ts';
import { type AdminContext, databaseOf } from './context.ts';
import { ANSWER_WITHIN_MS } from './wallet.ts';

const tally = z.object({
  turns: z.number().int().openapi({ description: 'Turns that it was looked for in.' }),
  bad: z.number().int(),
  rate: z.number().nullable().openapi({ description: 'bad by turns; null without a turn.' }),
});

const signalView = z.object({
  watched: z.boolean().openapi({ description: 'Whether it may trip the guard. It is counted either way.' }),
  version: tally,
  base: tally,
  tolerated_rate: z
    .number()
    .openapi({ description: 'Of bad turns: the upper bound of the base’s rate and a margin.' }),
  e_value: z.number().openapi({ description: 'The odds against a version that is no worse than tolerated.' }),
});

const evidenceView = z.object({
  signal: z.enum(GUARD_SIGNALS),
  turns: z.number().int(),
  bad: z.number().int(),
  base_turns: z.number().int(),
  base_bad: z.number().int(),
  tolerated_rate: z.number(),
  e_value: z.number(),
  trips_at: z.number(),
  bad_turns: z
    .array(z.string())
    .openapi({ description: 'Their ids, the last 20; of requests, the requests’ ids.' }),
});

export const guardView = z
  .object({
    state: z.enum(['watching', 'tripped', 'ended']),
    rollout: z.enum(['canary', 'live']),
    canary: z.object({ share: z.string() }).nullable(),
    base_version: z.number().int(),
    since: z.string(),
    until: z.string().nullable().openapi({ description: 'Null: as long as the canary lasts.' }),
    signals: z
      .record(z.enum(GUARD_SIGNALS), signalView)
      .nullable()
      .openapi({ description: 'Live figures; null where the wallet did not answer.' }),
    evidence: evidenceView.nullable().openapi({ description: 'Why it tripped; null where it has not.' }),
  })
  .openapi('PolicyGuard');

function viewOfTally({ turns, bad }: SignalFigures['base']) {
  return { turns, bad, rate: turns === 0 ? null : bad / turns };
}

function viewOfSignals({ signals }: GuardFigures, { guards }: Rollout) {
  const views = signals.map((each) => [
    each.signal,
    {
      watched: guards.includes(each.signal),
      version: viewOfTally(each.candidate),
      base: viewOfTally(each.base),
      tolerated_rate: each.toleratedRate,
      e_value: each.eValue,
    },
  ]);
  return Object.fromEntries(views) as z.infer<typeof guardView>['signals'];
}

function stateOf({ endedAt, watchUntil }: Rollout, evidence: TripEvidence | null) {
  if (evidence) return 'tripped' as const;
  const isOver = endedAt !== null || (watchUntil !== null && Date.parse(watchUntil) <= Date.now());
  return isOver ? ('ended' as const) : ('watching' as const);
}

/** Null for a version that no guard ever watched. */
export async function guardOf(
  c: AdminContext,
  { id, jurisdiction }: CostCenter,
  version: number,
): Promise<z.infer<typeof guardView> | null> {
  const database = databaseOf(c);
  const rollout = await lastRollout(database, id, version);
  if (!rollout) return null;
  const { baseVersion, shareMillionths } = rollout;
  const asked = { id: rollout.id, version, baseVersion };
  const wallet = () => walletOf(c.get('bindings'), id, jurisdiction);
  const figures = await callWallet(() => wallet().guard(asked), ANSWER_WITHIN_MS);
  const evidence = figures?.trip?.evidence ?? (await findTrip(database, rollout.id))?.evidence ?? null;
  return {
    state: stateOf(rollout, evidence),
    rollout: rollout.kind,
    canary: shareMillionths === null ? null : { share: formatShare(shareMillionths) },
    base_version: baseVersion,
    since: rollout.startedAt,
    until: rollout.watchUntil,
    signals: figures && viewOfSignals(figures, rollout),
    evidence: evidence && { ...evidence, bad_turns: [...evidence.bad_turns] },
  };
}
