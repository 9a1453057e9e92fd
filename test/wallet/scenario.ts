/**
 * One cost center and its wallet under a clock the test holds: what admins do in D1, what time does, and what
 * the ledger says in the end. The year is far ahead, so that no alarm fires by itself while a test looks.
 */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, vi } from 'vitest';
import type { Usage } from '../../durable-objects/core/usage.ts';
import type { StandingView } from '../../durable-objects/wallet/rpc.ts';
import type { Wallet } from '../../durable-objects/wallet/wallet.ts';
import { createCostCenter, freshCostCenter, signedPolicy, usageOf, walletStub } from '../fixture.ts';

export type WalletStub = DurableObjectStub<Wallet>;

/** A Wednesday at noon. */
export const NOON = '2035-06-13T12:00:00.000Z';

/** Fakes the clock of every test in the file; other timers stay real. */
export function useFakeClock(start = NOON): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    setClock(start);
  });
  afterEach(() => void vi.useRealTimers());
}

export function setClock(instant: string): void {
  vi.setSystemTime(new Date(instant));
}

/** Lets time pass; a negative span sets the clock back. */
export function passTime(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

export interface Scenario {
  id: string;
  wallet: WalletStub;
}

/** How many policy versions cost centers have; one where nothing is noted. */
const versions = new Map<string, number>();

/** A fresh cost center with this policy and one key, its wallet not yet woken. */
export async function openWallet(policy: object | null): Promise<Scenario> {
  const id = freshCostCenter();
  await createCostCenter(id, policy);
  versions.set(id, policy === null ? 0 : 1);
  return { id, wallet: walletStub(id) };
}

/** A policy of one shared day budget in UTC; `rest` overrides the budget. */
export function dayBudget(limitUsd: string, rest: object = {}): object {
  return { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: limitUsd, ...rest }] };
}

/** Runs statements in D1 as one change of the cost center and pushes it to the wallet. */
export async function change({ id, wallet }: Scenario, ...statements: D1PreparedStatement[]): Promise<void> {
  const revision = await commitChange(id, ...statements);
  await wallet.refresh(id, revision);
}

/** The same without the push: D1 has it, the wallet does not know yet. */
export async function commitChange(id: string, ...statements: D1PreparedStatement[]): Promise<number> {
  const bump = env.DB.prepare(
    'UPDATE cost_centers SET revision = revision + 1 WHERE id = ? RETURNING revision',
  ).bind(id);
  const mark = env.DB.prepare(
    'UPDATE virtual_keys SET revision = (SELECT revision FROM cost_centers WHERE id = ?1) WHERE cost_center = ?1',
  ).bind(id);
  const [bumped] = await env.DB.batch<{ revision: number }>([bump, ...statements, mark]);
  return bumped?.results[0]?.revision ?? 0;
}

/** Makes a further version of the policy the live one. */
export async function changePolicy(scenario: Scenario, policy: object): Promise<void> {
  const { id } = scenario;
  const version = (versions.get(id) ?? 1) + 1;
  versions.set(id, version);
  await change(
    scenario,
    env.DB.prepare(
      `INSERT INTO policy_versions (cost_center, version, state, document, warnings, created_at, signed)
       VALUES (?, ?, 'live', ?, '[]', '2035-01-01T00:00:00.000Z', ?)`,
    ).bind(id, version, JSON.stringify(policy), await signedPolicy(id, version, policy)),
    env.DB.prepare(
      `UPDATE cost_centers SET live_policy_version =
       (SELECT max(version) FROM policy_versions WHERE cost_center = ?1) WHERE id = ?1`,
    ).bind(id),
  );
}

/** Usage on Opus 5.5 that costs exactly this much: 50,000 output tokens a dollar. */
export function costing(usd: number): Usage {
  return usageOf({ outputTokens: Math.round(usd * 50_000) });
}

export async function standingOf(
  { id, wallet }: Scenario,
  budget = 'team-day',
  subject?: string,
): Promise<StandingView | undefined> {
  const { budgets } = await wallet.view(id);
  return budgets.find((each) => each.id === budget && (subject === undefined || each.subject === subject));
}

/** Runs the alarm until it has nothing more to send to D1. Rejects where a hundred alarms are not enough. */
export async function drain(wallet: WalletStub): Promise<void> {
  for (let alarms = 0; alarms < 100; alarms += 1) {
    if ((await outboxDepth(wallet)) === 0) return;
    await runDurableObjectAlarm(wallet);
  }
  throw new Error('the outbox does not drain');
}

/**
 * The same where alarms run by themselves too, so that a drain may be under way. (`vi.waitUntil` would move the clock.)
 * Rejects where ten seconds are not enough.
 */
export async function drained(wallet: WalletStub): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    await runDurableObjectAlarm(wallet);
    if ((await outboxDepth(wallet)) === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the outbox does not drain');
}

export async function outboxDepth(wallet: WalletStub): Promise<number> {
  return await runInDurableObject(
    wallet,
    (_, state) =>
      state.storage.sql.exec<{ depth: number }>('SELECT count(*) AS depth FROM outbox').one().depth,
  );
}

export async function alarmAt(wallet: WalletStub): Promise<number | null> {
  return await runInDurableObject(wallet, (_, state) => state.storage.getAlarm());
}

export interface LedgerRow {
  entry_id: string;
  turn_id: string;
  kind: string;
  corrects: string | null;
  admitted_at: string;
  developer: string;
  key_id: string;
  session: string;
  model_served: string | null;
  settle_seq: number;
  charged_nano_usd: number;
  list_nano_usd: number;
  asked_nano_usd: number | null;
  held_nano_usd: number;
  expected_nano_usd: number | null;
  charged_price_version: string;
  output_tokens: number;
  total_input_tokens: number;
  estimated: number;
  estimated_why: string | null;
  policy_version: number | null;
}

/** A cost center's entries in the order the wallet wrote them. */
export async function ledgerOf(id: string): Promise<LedgerRow[]> {
  const { results } = await env.DB.prepare(
    'SELECT * FROM ledger_entries WHERE cost_center = ? ORDER BY settle_seq',
  )
    .bind(id)
    .all<LedgerRow>();
  return results;
}

export interface AlertRow {
  on: string;
  turn_id: string;
  session: string;
  developer: string;
  policy_version: number;
  budget: string;
  subject: string;
  stage: string;
  window_start: string;
  resets_at: string;
  standing: string;
}

/** A cost center's alert events, oldest first. */
export async function alertsOf(id: string): Promise<AlertRow[]> {
  const { results } = await env.DB.prepare('SELECT * FROM alert_events WHERE cost_center = ? ORDER BY rowid')
    .bind(id)
    .all<AlertRow>();
  return results;
}

/** D1 stops taking entries and alerts, and stops answering for the configuration. */
export async function takeDatabaseAway(): Promise<void> {
  await env.DB.batch(AWAY.map(([from, to]) => env.DB.prepare(`ALTER TABLE ${from} RENAME TO ${to}`)));
}

export async function bringDatabaseBack(): Promise<void> {
  await env.DB.batch(AWAY.map(([from, to]) => env.DB.prepare(`ALTER TABLE ${to} RENAME TO ${from}`)));
}

const AWAY = [
  ['ledger_entries', 'ledger_entries_away'],
  ['alert_events', 'alert_events_away'],
  ['virtual_keys', 'virtual_keys_away'],
] as const;
