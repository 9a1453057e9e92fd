/**
 * A cost center with a day of turns on record, made by its own wallet under the test's clock, and dry runs over it. The
 * year is far ahead: no alarm fires by itself.
 */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { DryRun } from '../../durable-objects/dry-runs/dry-run.ts';
import type { Limits } from '../../durable-objects/dry-runs/slices.ts';
import { completed, openRequest } from '../fixture.ts';
import { call, field } from '../routes/admin/admin-calls.ts';
import {
  costing,
  dayBudget,
  drain,
  openWallet,
  passTime,
  type Scenario,
  setClock,
} from '../wallet/scenario.ts';

export const DAY = { from: '2035-06-13', to: '2035-06-14' };
export const SESSIONS = 4;

/** Turns from 8 o'clock on, a minute apart, half a dollar each, by four sessions in turns; the next day at noon. */
export async function recordedTeam(turns: number, policy: object = dayBudget('1000')): Promise<Scenario> {
  const scenario = await openWallet(policy);
  setClock('2035-06-13T08:00:00.000Z');
  for (let turn = 0; turn < turns; turn += 1)
    await wholeTurn(scenario, `turn-${turn}`, `session-${turn % SESSIONS}`);
  await drain(scenario.wallet);
  setClock('2035-06-14T12:00:00.000Z');
  return scenario;
}

export async function wholeTurn({ id, wallet }: Scenario, turnId: string, session: string): Promise<void> {
  await wallet.open(openRequest(id, turnId, { session }));
  passTime(5_000);
  await wallet.settle(completed(turnId, costing(0.5)));
  passTime(55_000);
}

export type DryRunStub = DurableObjectStub<DryRun>;

export function objectOf(dryRun: string): DryRunStub {
  return env.DRY_RUNS.get(env.DRY_RUNS.idFromName(dryRun));
}

/** Asks for a dry run and returns its id. */
export async function ask(costCenter: string, body: object): Promise<string> {
  const answer = await call('POST', `/cost_centers/${costCenter}/dry_runs`, body);
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return field(answer, 'id');
}

/** Has a run do so much, until the object is made anew. */
export async function limit(dryRun: string, limits: Partial<Limits>): Promise<void> {
  await runInDurableObject(
    objectOf(dryRun),
    (instance) => void Object.assign(Reflect.get(instance, 'limits'), limits),
  );
}

export async function alarmOf(dryRun: string): Promise<number | null> {
  return await runInDurableObject(objectOf(dryRun), (_, { storage }) => storage.getAlarm());
}

interface View {
  status: string;
  error: string | null;
  progress: { rows_done: number; rows_total: number; eta_s: number | null };
  result: Record<string, unknown> | null;
  results: Record<string, unknown>[] | null;
  notes: string[];
}

export async function view(costCenter: string, dryRun: string): Promise<View> {
  const answer = await call('GET', `/cost_centers/${costCenter}/dry_runs/${dryRun}`);
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return answer.body as View;
}

/** Runs its alarm until it has none; what it came to. Rejects where a hundred alarms are not enough. */
export async function finish(costCenter: string, dryRun: string): Promise<View> {
  for (let alarms = 0; alarms < 100; alarms += 1) {
    if (!(await runDurableObjectAlarm(objectOf(dryRun)))) return await view(costCenter, dryRun);
  }
  throw new Error('the dry run does not end');
}

/** All events, in pages. */
export async function eventsOf(costCenter: string, dryRun: string, query = ''): Promise<unknown[]> {
  const events: unknown[] = [];
  for (let cursor = ''; ; ) {
    const path = `/cost_centers/${costCenter}/dry_runs/${dryRun}/events?limit=7${query}${cursor}`;
    const answer = await call('GET', path);
    const { data, next_cursor: next } = answer.body as { data: unknown[]; next_cursor: string | null };
    events.push(...data);
    if (next === null) return events;
    cursor = `&cursor=${next}`;
  }
}
