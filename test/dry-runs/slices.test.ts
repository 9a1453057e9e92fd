import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { call } from '../routes/admin/admin-calls.ts';
import { dayBudget, passTime, type Scenario, setClock, useFakeClock } from '../wallet/scenario.ts';
import { alarmOf, ask, DAY, eventsOf, finish, limit, objectOf, recordedTeam, view } from './scenario.ts';

const TURNS = 40;
/** It pauses after ten dollars, and steps down before: half the turns do not come that far. */
const TIGHT = dayBudget('10');
const NOON = '2035-06-14T12:00:00.000Z';

useFakeClock(NOON);

let team: Scenario;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  team = await recordedTeam(TURNS);
  vi.useRealTimers();
});

/** Each test its own span: the same turns, and another dry run. */
let spans = 0;
function span(): typeof DAY {
  spans += 1;
  return { ...DAY, from: `2035-06-13T0${Math.floor(spans / 60)}:${String(spans % 60).padStart(2, '0')}:00Z` };
}

let undisturbed: { result: unknown; events: unknown[] };
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  setClock(NOON);
  const id = await ask(team.id, { policy: TIGHT, ...span() });
  const { result } = await finish(team.id, id);
  undisturbed = { result, events: await eventsOf(team.id, id) };
  vi.useRealTimers();
});

let id = '';
beforeEach(async () => {
  id = await ask(team.id, { policy: TIGHT, ...span() });
  await limit(id, { rowsASlice: 7, slicesARun: 1 });
});

async function expectTheSame(): Promise<void> {
  const { status, result, progress } = await finish(team.id, id);
  expect(status).toBe('succeeded');
  expect(progress).toEqual({ rows_done: TURNS, rows_total: TURNS, eta_s: 0 });
  expect(result).toEqual(undisturbed.result);
  expect(await eventsOf(team.id, id)).toEqual(undisturbed.events);
}

/** Runs alarms until the replay has begun and is not over. */
async function halfway(): Promise<void> {
  for (let alarms = 0; alarms < 20; alarms += 1) {
    await runDurableObjectAlarm(objectOf(id));
    const { progress } = await view(team.id, id);
    if (progress.rows_done >= 14) return;
  }
  throw new Error('it does not come that far');
}

describe('a dry run in slices', () => {
  test('comes to what one in a single run comes to', async () => {
    expect(undisturbed.result).toMatchObject({ turns: TURNS, cost_actual_usd: '20.00' });
    expect(undisturbed.events.length).toBeGreaterThan(0);
    await expectTheSame();
  });

  test('tells how far it is', async () => {
    expect(await view(team.id, id)).toMatchObject({
      status: 'queued',
      progress: { rows_done: 0, rows_total: 0, eta_s: null },
      result: null,
    });
    await halfway();
    expect(await view(team.id, id)).toMatchObject({
      status: 'running',
      progress: { rows_done: 14, rows_total: TURNS, eta_s: expect.any(Number) },
      result: null,
    });
    await expectTheSame();
  });

  test('evicted between every two of them comes to the same', async () => {
    for (let slices = 0; slices < 60; slices += 1) {
      await evictDurableObject(objectOf(id));
      await limit(id, { rowsASlice: 7, slicesARun: 1 });
      if (!(await runDurableObjectAlarm(objectOf(id)))) break;
    }
    await expectTheSame();
  });

  test('killed in the middle of one comes to the same', async () => {
    await halfway();
    let isAsked = false;
    await runInDurableObject(objectOf(id), (instance) => {
      const { DB } = Reflect.get(instance, 'env') as { DB: D1Database };
      vi.spyOn(DB, 'batch').mockImplementationOnce(() => {
        isAsked = true;
        return new Promise(() => undefined);
      });
    });
    const running = runDurableObjectAlarm(objectOf(id)).catch(() => 'killed');
    // (`vi.waitUntil` would move the clock.)
    while (!isAsked) await new Promise((resolve) => setTimeout(resolve, 1));
    await runInDurableObject(objectOf(id), (_, state) => state.abort('killed')).catch(() => undefined);
    expect(await running).toBe('killed');
    expect((await view(team.id, id)).status).toBe('running');
    expect(await alarmOf(id)).not.toBeNull();
    await expectTheSame();
  });

  test('waits while D1 is away, and goes on', async () => {
    await halfway();
    await env.DB.prepare('ALTER TABLE dry_runs RENAME TO dry_runs_away').run();
    for (const waitMs of [1_000, 1_000, 2_000, 4_000]) {
      await runDurableObjectAlarm(objectOf(id));
      expect(await alarmOf(id)).toBe(Date.now() + waitMs);
      passTime(waitMs);
    }
    await env.DB.prepare('ALTER TABLE dry_runs_away RENAME TO dry_runs').run();
    await expectTheSame();
  });

  test('fails with its reason where D1 stays away for a day', async () => {
    await halfway();
    await env.DB.prepare('ALTER TABLE ledger_entries RENAME TO ledger_entries_away').run();
    await runDurableObjectAlarm(objectOf(id));
    passTime(86_400_000);
    await runDurableObjectAlarm(objectOf(id));
    await env.DB.prepare('ALTER TABLE ledger_entries_away RENAME TO ledger_entries').run();
    expect(await finish(team.id, id)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('D1 did not answer for a day'),
      result: null,
    });
    expect(await eventsOf(team.id, id)).toEqual([]);
  });

  test('shares nothing with another one at the same time', async () => {
    const other = await ask(team.id, { policy: dayBudget('1000'), ...span() });
    await limit(other, { rowsASlice: 3, slicesARun: 1 });
    while (await runDurableObjectAlarm(objectOf(id))) await runDurableObjectAlarm(objectOf(other));
    expect((await finish(team.id, other)).result).toMatchObject({ turns: TURNS, refused_turns: 0 });
    await expectTheSame();
  });

  test('keeps no more events than it may, and says how many came later', async () => {
    const kept = 3;
    await limit(id, { events: kept });
    const { result, notes } = await finish(team.id, id);
    const leftOut = undisturbed.events.length - kept;
    expect(result).toEqual({ ...Object(undisturbed.result), events_left_out: leftOut });
    expect(notes).toEqual([expect.stringContaining(`${leftOut} later events of "draft"`)]);
    const ids = (events: unknown[]) => events.map((event) => Object(event).turn_id);
    expect(ids(await eventsOf(team.id, id))).toEqual(ids(undisturbed.events.slice(0, kept)));
  });

  test('fails with its reason where its policy cannot be read any more', async () => {
    await env.DB.prepare('DROP TRIGGER dry_run_drafts_are_never_changed').run();
    await env.DB.prepare(`UPDATE dry_run_drafts SET document = '{"budgets": 1}' WHERE dry_run = ?`)
      .bind(id)
      .run();
    expect(await finish(team.id, id)).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/^the draft "draft" cannot be read: budgets: /),
    });
  });
});

describe('a dry run that is cancelled', () => {
  test('is over when the call returns, and keeps nothing', async () => {
    await halfway();
    const path = `/cost_centers/${team.id}/dry_runs/${id}/cancel`;
    expect(await call('POST', path)).toMatchObject({
      status: 200,
      body: { status: 'cancelled', result: null },
    });
    expect(await alarmOf(id)).toBeNull();
    expect(await eventsOf(team.id, id)).toEqual([]);
    expect(await call('POST', path)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  });

  test('behind its back finds out before its next slice', async () => {
    await halfway();
    const cancel =
      "UPDATE dry_runs SET status = 'cancelled', finished_at = '2035-06-14T12:00:00.000Z' WHERE id = ?";
    await env.DB.prepare(cancel).bind(id).run();
    expect(await finish(team.id, id)).toMatchObject({ status: 'cancelled', result: null });
    expect(await alarmOf(id)).toBeNull();
    expect(await eventsOf(team.id, id)).toEqual([]);
  });

  test('makes room for the same thing again', async () => {
    const asked = { policy: TIGHT, ...span() };
    const first = await ask(team.id, asked);
    await call('POST', `/cost_centers/${team.id}/dry_runs/${first}/cancel`);
    expect(await ask(team.id, asked)).not.toBe(first);
  });
});

describe('what was spent before the span', () => {
  const AFTER_TEN = '2035-06-13T08:10:00Z';

  test('counts, unless budgets are to begin with nothing', async () => {
    const late = { policy: dayBudget('6'), from: AFTER_TEN, to: DAY.to };
    const seeded = await finish(team.id, await ask(team.id, late));
    const fresh = await finish(team.id, await ask(team.id, { ...late, seed_standing: false }));
    const paused = (each: { result: unknown }) => Object(each.result).cost_replayed_usd;
    expect(Number(paused(seeded))).toBeLessThan(Number(paused(fresh)));
    expect(seeded.result).toMatchObject({ turns: TURNS - 10 });
  });

  test('in a turn that was settled in the span counts once', async () => {
    const few = await recordedTeam(4);
    // In the middle of the second turn.
    const late = { policy: dayBudget('100'), from: '2035-06-13T08:01:02Z', to: DAY.to };
    const { result, progress } = await finish(few.id, await ask(few.id, late));
    expect(progress.rows_done).toBe(2);
    expect(result).toMatchObject({ turns: 2, by_day: [{ budgets: [{ end_utilization: 0.02 }] }] });
  });
});
