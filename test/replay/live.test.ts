/**
 * The dry run held against reality: traffic run live through the real wallet, and replayed from its ledger.
 */
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { Replay } from '../../durable-objects/core/replay/replay.ts';
import type { ReplayEntry, ReplaySetup } from '../../durable-objects/core/replay/types.ts';
import { MemoryStore } from '../core/replay/memory-store.ts';
import { generateTraffic } from '../traffic/generate.ts';
import { squadsOf } from '../traffic/squads.ts';
import type { TrafficTurn } from '../traffic/turn.ts';
import { LiveSquad } from './live-squad.ts';
import { entriesOf, policiesOf, policyOf, raisesOf } from './recorded.ts';

const START_MS = Date.UTC(2035, 5, 13);
const HOUR_MS = 3_600_000;
const SQUAD = squadsOf(1)[2];

function traffic(developers: number, days: number): TrafficTurn[] {
  if (!SQUAD) throw new Error('no squad');
  const squad = { ...SQUAD, developers: SQUAD.developers.slice(0, developers) };
  return [...generateTraffic({ seed: 1, startMs: START_MS, days, squads: [squad] })];
}

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

/** What people do while the squad is at work: a raise ended early, pauses, a stop, an exemption, a wish, a new policy. */
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
  squad.at(START_MS + 17 * HOUR_MS, () => squad.change(set('exempt_until', iso(START_MS + 17.5 * HOUR_MS))));
  squad.at(START_MS + 10 * HOUR_MS, async () => {
    if (first)
      await squad.wallet.prefer(id, squad.keyOf(first.developer), first.session, 'claude-sonnet-5-5');
  });
  squad.at(START_MS + 36 * HOUR_MS, () => squad.changePolicy(LATER));
}

async function live(policy: object, interventions: (squad: LiveSquad) => void): Promise<LiveSquad> {
  const developers = [...new Set(TURNS.map(({ developer }) => developer))];
  const incidents = { lost: 0.01, failing: 0.05 };
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

describe('traffic run live', () => {
  let squad: LiveSquad;
  let entries: ReplayEntry[];

  beforeAll(async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const begun = performance.now();
    squad = await live(A, meddle);
    console.log('live', TURNS.length, performance.now() - begun);
    entries = await entriesOf(squad.scenario.id);
    vi.useRealTimers();
  }, 120_000);

  test('comes out the same when it is replayed under the policies of the time', async () => {
    const setup = await setupOf(squad.scenario.id, [{ name: 'A', policy: policyOf(A) }]);
    const begun = performance.now();
    const { result } = replayed(setup, entries);
    console.log('replay', entries.length, performance.now() - begun);
    console.log(JSON.stringify(result, null, 1).slice(0, 6000));
    expect(result.calibration.decisions_equal).toBe(result.calibration.turns);
    expect(result.calibration.cost_error_usd).toBe('0.00');
  });
});
