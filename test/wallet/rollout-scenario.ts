/** Rollouts as D1 has them, and sessions that are in a canary or not. */
import { env } from 'cloudflare:workers';
import type { GuardSignal } from '../../durable-objects/core/guards/signals.ts';
import { GUARD_SIGNALS } from '../../durable-objects/core/guards/signals.ts';
import { isInCanary } from '../../durable-objects/core/policy/canary.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { OpenReply } from '../../durable-objects/wallet/rpc.ts';
import { completed, openRequest, signedPolicy } from '../fixture.ts';
import { change, costing, drain, openWallet, type Scenario } from './scenario.ts';

export interface Rollout extends Scenario {
  rollout: string;
}

export interface Plan {
  base: object;
  candidate: object;
  /** Null: the candidate is live, in the base's place. */
  share: number | null;
  guards?: readonly GuardSignal[];
  /** The candidate's signature, where it is not to be the deployment's. */
  signed?: string;
}

/** A cost center with version 1, and version 2 beside it or in its place since the given instant. */
export async function rollOut(plan: Plan): Promise<Rollout> {
  const { base, candidate, share, guards = GUARD_SIGNALS } = plan;
  const scenario = await openWallet(base);
  const { id } = scenario;
  const rollout = `rollout_${id}`;
  const at = new Date().toISOString();
  const until = share === null ? new Date(Date.now() + 7 * 86_400_000).toISOString() : null;
  const [state, kind] = share === null ? ['live', 'live'] : ['canary', 'canary'];
  await change(
    scenario,
    env.DB.prepare(
      `INSERT INTO policy_versions (cost_center, version, state, document, warnings, created_at, signed)
       VALUES (?, 2, ?, ?, '[]', ?, ?)`,
    ).bind(id, state, JSON.stringify(candidate), at, plan.signed ?? (await signedPolicy(id, 2, candidate))),
    env.DB.prepare(
      `INSERT INTO policy_rollouts (id, cost_center, version, kind, share_millionths, base_version, guards, started_at, watch_until)
       VALUES (?, ?, 2, ?, ?, 1, ?, ?, ?)`,
    ).bind(rollout, id, kind, share, JSON.stringify(guards), at, until),
    ...(share === null
      ? [
          env.DB.prepare(
            "UPDATE policy_versions SET state = 'retired' WHERE cost_center = ? AND version = 1",
          ).bind(id),
          env.DB.prepare('UPDATE cost_centers SET live_policy_version = 2 WHERE id = ?').bind(id),
        ]
      : []),
  );
  return { ...scenario, rollout };
}

export async function changeShare(scenario: Rollout, share: number): Promise<void> {
  const update = 'UPDATE policy_rollouts SET share_millionths = ? WHERE id = ?';
  await change(scenario, env.DB.prepare(update).bind(share, scenario.rollout));
}

let sessions = 0;

/** A session of its own that is in the canary of version 2, or out of it. */
export function sessionOf(share: number, isIn: boolean): string {
  for (;;) {
    sessions += 1;
    const session = `session-${sessions}`;
    if (isInCanary(session, 2, share) === isIn) return session;
  }
}

export function freshSession(): string {
  sessions += 1;
  return `session-${sessions}`;
}

let turns = 0;

/** A turn that is opened, and its reply. */
export async function open(
  { id, wallet }: Scenario,
  facts: Partial<TurnFacts>,
): Promise<{ turnId: string; reply: OpenReply }> {
  turns += 1;
  const turnId = `${id}-${turns}`;
  return { turnId, reply: await wallet.open(openRequest(id, turnId, facts)) };
}

/** A whole turn that costs this much where it is admitted. */
export async function turn(
  scenario: Scenario,
  facts: Partial<TurnFacts>,
  dollars: number,
): Promise<{ turnId: string; reply: OpenReply }> {
  const opened = await open(scenario, facts);
  if (opened.reply.status === 'admitted') {
    await scenario.wallet.settle(completed(opened.turnId, costing(dollars)));
  }
  return opened;
}

/** The version that decides over a session's turns. */
export async function versionOf(scenario: Scenario, session: string): Promise<number | null> {
  const { id, wallet } = scenario;
  const request = openRequest(id, 'none');
  const reply = await wallet.caller(id, request.keyId, session);
  if (reply.status !== 'known') throw new Error(reply.status);
  return reply.caller.policyVersion;
}

export interface TripRow {
  rollout: string;
  version: number;
  base_version: number;
  signal: string;
  evidence: string;
}

/** The trips that D1 has heard of, once the wallet has nothing more to tell. */
export async function tripsOf({ id, wallet }: Scenario): Promise<TripRow[]> {
  await drain(wallet);
  const { results } = await env.DB.prepare('SELECT * FROM policy_trips WHERE cost_center = ?')
    .bind(id)
    .all<TripRow>();
  return results;
}
