/**
 * The dry run held against reality: traffic run live through the real wallet, and replayed from its ledger.
 */
import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { Replay } from '../../durable-objects/core/replay/replay.ts';
import type { ReplayEntry, ReplaySetup } from '../../durable-objects/core/replay/types.ts';
import { MemoryStore } from '../core/replay/memory-store.ts';
import { ask, finish } from '../dry-runs/scenario.ts';
import { generateTraffic } from '../traffic/generate.ts';
import { squadsOf } from '../traffic/squads.ts';
import type { TrafficTurn } from '../traffic/turn.ts';
import { type Incidents, LiveSquad } from './live-squad.ts';
import { entriesOf, policiesOf, policyOf, raisesOf } from './recorded.ts';

const START_MS = Date.UTC(2035, 5, 13);
const HOUR_MS = 3_600_000;
const SQUAD = squadsOf(1)[2];

function traffic(developers: number, days: number): TrafficTurn[] {
  if (!SQUAD) throw new Error('no squad');
  const squad = { ...SQUAD, developers: SQUAD.developers.slice(0, developers) };
  return [...generateTraffic({ seed: 1, startMs: START_MS, days, squads: [squad] })];
}

/** A run takes seconds, on a busy machine many of them. */
const LIVE_TIMEOUT_MS = 120_000;

const TURNS = traffic(5, 2);

const A = {
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '16.00' },
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '7.00' },
    {
      id: 'opus-day',
      scope: 'cost_center',
      line: 'opus',
      window: 'day',
      limit_usd: '11.00',
      stages: [
        { at: '0.80', do: 'alert' },
        { at: '1.00', do: 'pause' },
      ],
    },
    { id: 'session', scope: 'session', window: 'session', limit_usd: '4.00' },
  ],
  routes: [
    {
      id: 'easy-turns',
      when: { budget: 'team-day', remaining_usd_below: '4.00', new_input_tokens_below: 10_000 },
      use: 'claude-haiku-5-5',
    },
  ],
};

/** The same, keeping a turn waiting now and then. */
const LIMITED = { ...A, limits: [{ scope: 'developer', requests_per_minute: 9 }] };

/** Tighter, and without a route. */
const B = {
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '13.00' },
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '5.00' },
    { id: 'session', scope: 'session', window: 'session', limit_usd: '3.50' },
  ],
};

/** The same in another time zone, with what one developer can cost at most in a week set aside as ceilings. */
const LATER = {
  ...A,
  timezone: 'America/New_York',
  budgets: [
    ...A.budgets,
    {
      id: 'dev-week',
      scope: 'developer',
      window: 'week',
      limit_usd: '9.00',
      admission: 'guaranteed',
      clamp_max_tokens: true,
    },
  ],
  allowed_models: ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'],
};

const iso = (ms: number): string => new Date(ms).toISOString();

/** What people do while the squad is at work: a raise ended early, a pause, an exemption, a wish, a new policy. */
function meddle(squad: LiveSquad): void {
  const { id } = squad.scenario;
  const [first] = TURNS;
  const set = (column: string, value: string | null) =>
    env.DB.prepare(`UPDATE cost_centers SET ${column} = ? WHERE id = ?`).bind(value, id);
  const revision = '(SELECT revision FROM cost_centers WHERE id = ?1)';
  squad.at(START_MS + 14.5 * HOUR_MS, () =>
    squad.change(
      env.DB.prepare(
        `INSERT INTO raises (id, cost_center, budget, subject, extra_nano_usd, until, reason, revision, created_at, updated_at)
         VALUES (?2, ?1, 'opus-day', NULL, 2000000000, ?3, 'release', ${revision}, ?4, ?4)`,
      ).bind(id, `raise_${id}`, iso(START_MS + 40 * HOUR_MS), iso(START_MS + 14.5 * HOUR_MS)),
    ),
  );
  squad.at(START_MS + 16 * HOUR_MS, () =>
    squad.change(
      env.DB.prepare(
        `UPDATE raises SET ended_at = ?2, updated_at = ?2, revision = ${revision} WHERE cost_center = ?1`,
      ).bind(id, iso(START_MS + 16 * HOUR_MS)),
    ),
  );
  squad.at(START_MS + 15 * HOUR_MS, () =>
    squad.change(set('paused_at', iso(START_MS)), set('paused_reason', 'lunch')),
  );
  squad.at(START_MS + 15.2 * HOUR_MS, () => squad.change(set('paused_at', null)));
  squad.at(START_MS + 11 * HOUR_MS, () => squad.change(set('exempt_until', iso(START_MS + 12 * HOUR_MS))));
  squad.at((first?.atMs ?? 0) + 1, async () => {
    if (first)
      await squad.wallet.prefer(id, squad.keyOf(first.developer), first.session, 'claude-sonnet-5-5');
  });
  const keyModels = env.DB.prepare('UPDATE virtual_keys SET allowed_models = ? WHERE id = ?').bind(
    JSON.stringify(['claude-sonnet-5-5']),
    squad.keyOf(first?.developer ?? ''),
  );
  squad.at(START_MS + 34 * HOUR_MS, () => squad.change(keyModels));
  squad.at(START_MS + 36 * HOUR_MS, () => squad.changePolicy(LATER));
}

async function live(
  policy: object,
  incidents: Incidents,
  interventions: (squad: LiveSquad) => void,
): Promise<LiveSquad> {
  const developers = [...new Set(TURNS.map(({ developer }) => developer))];
  const setClock = (ms: number) => void vi.setSystemTime(ms);
  const squad = await LiveSquad.begin(policy, developers, incidents, setClock);
  interventions(squad);
  await squad.work(TURNS);
  return squad;
}

async function setupOf(id: string, drafts: ReplaySetup['drafts']): Promise<ReplaySetup> {
  return {
    costCenter: id,
    timezone: 'UTC',
    fromMs: START_MS,
    toMs: START_MS + 5 * 24 * HOUR_MS,
    catalogue: builtinCatalogue,
    recorded: await policiesOf(id),
    drafts,
    raises: await raisesOf(id),
    seedStanding: true,
  };
}

function replayed(setup: ReplaySetup, entries: readonly ReplayEntry[], store = new MemoryStore()) {
  const replay = new Replay(setup, store);
  for (const entry of entries) replay.take(entry);
  return { result: replay.finish(), store };
}

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterAll(() => void vi.useRealTimers());

describe('traffic run live', () => {
  let squad: LiveSquad;
  let entries: ReplayEntry[];

  beforeAll(async () => {
    squad = await live(LIMITED, { lost: 0.01, failing: 0.05 }, meddle);
    entries = await entriesOf(squad.scenario.id);
  }, LIVE_TIMEOUT_MS);

  test('has in it whatever can happen to a turn', () => {
    const count = (is: (entry: ReplayEntry) => boolean): number => entries.filter(is).length;
    expect({
      downgraded: count(({ decision }) => decision === 'downgrade') > 0,
      routed: count(({ decision }) => decision === 'route') > 0,
      spent: count(({ inputs }) => inputs.refusal === 'budget') > 0,
      pending: count(({ inputs }) => inputs.refusal === 'pending') > 0,
      limited: count(({ inputs }) => inputs.refusal === 'limit') > 0,
      keptToModels: count(({ inputs }) => inputs.allowedModels !== null) > 0,
      byPeople: count(({ inputs }) => inputs.refusal === 'paused') > 0,
      decidedAnew: count(({ inputs }) => inputs.earlier.length > 0) > 0,
      expired: count(({ estimatedWhy }) => estimatedWhy === 'lease_expired') > 0,
      corrected: count(({ kind }) => kind === 'correction') > 0,
      failed: count(({ kind }) => kind === 'failure') > 0,
      left: count(({ estimatedWhy }) => estimatedWhy === 'client_gone') > 0,
      exempt: count(({ inputs }) => inputs.exempt) > 0,
      preferred: count(({ inputs }) => inputs.preferred !== null) > 0,
      versions: new Set(entries.map(({ policyVersion }) => policyVersion)).size,
      overlapping: count(({ inputs, openSeq }) => (inputs.settleSeq ?? 0) < openSeq - 2) > 0,
    }).toEqual({
      downgraded: true,
      routed: true,
      spent: true,
      pending: true,
      limited: true,
      keptToModels: true,
      byPeople: true,
      decidedAnew: true,
      expired: true,
      corrected: true,
      failed: true,
      left: true,
      exempt: true,
      preferred: true,
      versions: 2,
      overlapping: true,
    });
  });

  test('comes out the same under the policies of the time: each decision, and the cost to the nano-USD', async () => {
    const setup = await setupOf(squad.scenario.id, [{ name: 'A', policy: policyOf(A) }]);
    const { calibration } = replayed(setup, entries).result;
    expect(calibration.differences).toEqual([]);
    expect(calibration.turns).toBeGreaterThan(700);
    expect(calibration).toMatchObject({ decisions_equal: calibration.turns, cost_error_usd: '0.00' });
  });

  test('comes out the same in a dry run that is asked for and works by itself', async () => {
    vi.setSystemTime(START_MS + 6 * 24 * HOUR_MS);
    const { id } = squad.scenario;
    const span = { from: iso(START_MS), to: iso(START_MS + 5 * 24 * HOUR_MS) };
    const { status, result } = await finish(id, await ask(id, { policy: A, ...span }));
    expect(status).toBe('succeeded');
    const { calibration } = replayed(
      await setupOf(id, [{ name: 'draft', policy: policyOf(A) }]),
      entries,
    ).result;
    expect(result).toMatchObject({ turns: calibration.turns, calibration });
    expect(calibration.decisions_equal).toBe(calibration.turns);
  });
});

/** Which models the upstream would have refused cannot be known where no turn was sent to them. */
const KNOWABLE = { lost: 0.01, failing: 0 };

describe('traffic run live under one policy and replayed under another', () => {
  let before: LiveSquad;
  let after: LiveSquad;

  beforeAll(async () => {
    before = await live(A, KNOWABLE, () => undefined);
    after = await live(B, KNOWABLE, () => undefined);
  }, LIVE_TIMEOUT_MS);

  test('comes out as when it is run live under the other', async () => {
    const setup = await setupOf(before.scenario.id, [{ name: 'B', policy: policyOf(B) }]);
    const { result, store } = replayed(setup, await entriesOf(before.scenario.id));
    const [draft] = result.drafts;
    const cost = (await entriesOf(after.scenario.id)).reduce((sum, each) => sum + each.chargedNanoUsd, 0);
    const replayedCost = Number(draft?.cost_replayed_usd) * 1e9;
    const differ = differences(store, before, after);
    expect(Math.abs(replayedCost / cost - 1)).toBeLessThan(0.01);
    expect(differ.length).toBeLessThanOrEqual(TURNS.length * 0.01);
  });
});

/** Turns that the replay decides otherwise than the live run under the draft did; those neither knows are left out. */
function differences(store: MemoryStore, before: LiveSquad, after: LiveSquad): string[] {
  const replayedAs = new Map<string, string>();
  for (const { event } of store.events) {
    if (event.kind === 'alert') continue;
    const id = event.turnId.replace(/\/again-\d+$/, '');
    replayedAs.set(id, event.kind === 'refusal' ? 'refuse' : `${event.kind} ${event.model}`);
  }
  return TURNS.flatMap(({ id }) => {
    if (!before.decided.has(id) && !after.decided.has(id)) return [];
    const decided = after.decided.get(id);
    const lived =
      !decided || decided.kind === 'proceed' ? 'proceed' : `${decided.kind} ${decided.model ?? ''}`.trim();
    const came = replayedAs.get(id) ?? 'proceed';
    return lived === came ? [] : [`${id}: ${lived} live, ${came} replayed`];
  });
}
