import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { REPLAY_COLUMNS, type ReplayRow, toReplayEntry } from '../../../durable-objects/core/replay/entry.ts';
import { Replay } from '../../../durable-objects/core/replay/replay.ts';
import type { ReplayEntry, ReplaySetup } from '../../../durable-objects/core/replay/types.ts';
import { ENTRY_COLUMNS } from '../../../durable-objects/ledger/append.ts';
import { DemoLedger } from '../../../scripts/demo/entries.ts';
import { generateTraffic } from '../../traffic/generate.ts';
import { squadsOf } from '../../traffic/squads.ts';
import { policyOf } from '../judging.ts';
import { MemoryStore } from './memory-store.ts';

const START_MS = Date.UTC(2026, 10, 23);

/** A day of one squad as its ledger has it. */
function demoEntries(): ReplayEntry[] {
  const ledger = new DemoLedger(1);
  const squads = squadsOf(1).slice(2, 3);
  const rows = [...generateTraffic({ seed: 1, startMs: START_MS, days: 1, squads })].map((turn) => {
    const entry = ledger.entryOf(turn);
    const cells = REPLAY_COLUMNS.map((column) => {
      const value = entry[column];
      return [column, ENTRY_COLUMNS[column] === 'json' ? JSON.stringify(value) : value];
    });
    return Object.fromEntries(cells) as ReplayRow;
  });
  return rows.map(toReplayEntry).slice(0, 700);
}

/** So tight that sessions are stepped down, told to come back, and paused. */
const SETUP: ReplaySetup = {
  costCenter: 'squad',
  timezone: 'UTC',
  fromMs: START_MS,
  toMs: START_MS + 86_400_000,
  catalogue: builtinCatalogue,
  recorded: new Map(),
  drafts: [
    {
      name: 'tight',
      policy: policyOf({
        budgets: [
          { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '14.00' },
          { id: 'session', scope: 'session', window: 'session', limit_usd: '2.00', admission: 'guaranteed' },
        ],
      }),
    },
    {
      name: 'routed',
      policy: policyOf({
        budgets: [{ id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '3.00' }],
        routes: [
          {
            id: 'easy',
            when: { budget: 'dev-day', remaining_usd_below: '2.00', new_input_tokens_below: 10_000 },
            use: 'claude-haiku-5-5',
          },
        ],
      }),
    },
  ],
  raises: [],
  seedStanding: true,
};

let entries: ReplayEntry[];

beforeAll(() => {
  entries = demoEntries();
});

/** Taken up anew from the store at each of these places, as after a kill: nothing but the store is left. */
function replayedInParts(cuts: readonly number[]) {
  const store = new MemoryStore();
  let replay = new Replay(SETUP, store);
  entries.forEach((entry, index) => {
    if (cuts.includes(index)) {
      replay.checkpoint();
      replay = new Replay(SETUP, store);
    }
    replay.take(entry);
  });
  return { result: replay.finish(), events: store.events };
}

test('a run taken up again anywhere, any number of times, tells the same as one that went through', () => {
  const whole = replayedInParts([]);
  const [tight, routed] = whole.result.drafts;
  expect(tight?.turns_lost).toBeGreaterThan(0);
  expect(tight?.downgraded_turns).toBeGreaterThan(0);
  expect(routed?.routed_turns).toBeGreaterThan(0);
  const place = fc.integer({ min: 1, max: entries.length - 1 });
  fc.assert(
    fc.property(fc.uniqueArray(place, { minLength: 1, maxLength: 8 }), (cuts) => {
      expect(replayedInParts(cuts)).toEqual(whole);
    }),
    { numRuns: 8 },
  );
});

test('a run taken up again after every single entry tells the same', () => {
  const every = entries.slice(0, 300);
  const store = new MemoryStore();
  let replay = new Replay(SETUP, store);
  const whole = new Replay(SETUP, new MemoryStore());
  for (const entry of every) {
    replay.take(entry);
    replay.checkpoint();
    replay = new Replay(SETUP, store);
    whole.take(entry);
  }
  expect(replay.finish()).toEqual(whole.finish());
});
