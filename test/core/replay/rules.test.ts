import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { priceUsage } from '../../../durable-objects/core/catalogue/price.ts';
import { Replay } from '../../../durable-objects/core/replay/replay.ts';
import type { DraftResult, ReplayEntry, ReplaySetup } from '../../../durable-objects/core/replay/types.ts';
import { NO_TOKENS } from '../../../durable-objects/core/usage.ts';
import { QUARTER_MS } from '../../../durable-objects/core/window.ts';
import { NOW, policyOf, warm } from '../judging.ts';
import { costing, RecordedLedger, replayed, SECOND_MS, setupWith } from './ledger.ts';
import { MemoryStore } from './memory-store.ts';

const SONNET = 'claude-sonnet-5-5';
const DAY = 86_400;

function day(limitUsd: string, rest: object = {}) {
  return policyOf({
    budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: limitUsd, ...rest }],
  });
}

/** Pauses at the limit, and on Opus alone. */
const PAUSES = { stages: [{ at: '1.00', do: 'pause' }] };
function paused(limitUsd: string, rest: object = {}) {
  return policyOf({
    budgets: [
      { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: limitUsd, ...PAUSES, ...rest },
    ],
    cascade: ['claude-opus-5-5'],
  });
}

function draftOf(setup: ReplaySetup, entries: readonly ReplayEntry[]): DraftResult {
  const [draft] = replayed(setup, entries).result.drafts;
  if (!draft) throw new Error('no draft');
  return draft;
}

describe('the money of a turn', () => {
  test('is what was charged, to the nano-USD, while its thread is served as it was', () => {
    const ledger = new RecordedLedger();
    ledger.charge({ at: 0, tokens: costing(1), rest: { chargedNanoUsd: 123_456_789 } });
    expect(draftOf(setupWith(day('100')), ledger.entries)).toMatchObject({
      cost_actual_usd: '0.123456789',
      cost_replayed_usd: '0.123456789',
      saved_usd: '0.00',
    });
  });

  test('is that of the same text on the model it was stepped down to, with a cold cache there', () => {
    const ledger = new RecordedLedger();
    ledger.charge({ at: 0, tokens: costing(0.97) });
    const history = warm(50_000);
    const facts = { bodyBytes: history.bodyBytes + 1_000 };
    const tokens = { cacheReadTokens: 50_000, cacheWrite1hTokens: 1_000, outputTokens: 500 };
    const step = { stages: [{ at: '0.95', do: 'downgrade', step_down: 'always' }] };
    ledger.charge({ at: 10, session: 'other', facts, inputs: { history }, tokens });
    const { result, store } = replayed(setupWith(day('1', step)), ledger.entries);
    const cold = { ...NO_TOKENS, cacheWrite1hTokens: 51_000, outputTokens: 500 };
    const usage = { model: null, tokens: cold, webSearchRequests: 0, speed: null, inferenceGeo: null };
    const { nanoUsd } = priceUsage({
      usage: { ...usage, serviceTier: null, iterations: null },
      sentModel: SONNET,
      atMs: NOW,
      catalogue: builtinCatalogue,
    });
    expect(result.drafts[0]).toMatchObject({
      downgraded_turns: 1,
      cost_replayed_usd: String(0.97 + nanoUsd / 1e9),
    });
    expect(Number(result.drafts[0]?.saved.cache_usd)).toBeLessThan(0);
    expect(store.of('downgrade')).toMatchObject([{ turnId: 't2', budget: 'team-day', model: SONNET }]);
  });

  test('that failed upstream is nothing, whatever model it goes to', () => {
    const ledger = new RecordedLedger();
    ledger.charge({ at: 0, tokens: costing(0.97) });
    const rest = { kind: 'failure', chargedNanoUsd: 0, listNanoUsd: 0 } as const;
    ledger.charge({ at: 10, rest });
    const draft = draftOf(setupWith(day('1')), ledger.entries);
    expect(draft).toMatchObject({ downgraded_turns: 1, saved_usd: '0.00' });
  });

  test('saved adds up from its parts', () => {
    const ledger = new RecordedLedger();
    for (let at = 0; at < 20; at += 1) {
      ledger.charge({ at: at * 10, session: `s${at % 3}`, tokens: costing(0.1) });
    }
    const { saved, saved_usd } = draftOf(setupWith(day('1')), ledger.entries);
    const parts = Object.values(saved).reduce((sum, part) => sum + Number(part), 0);
    expect(Number(saved_usd)).toBeGreaterThan(0);
    expect(parts).toBeCloseTo(Number(saved_usd), 9);
  });
});

describe('a turn refused for good', () => {
  test('ends its session until the window resets, and no other', () => {
    const ledger = new RecordedLedger();
    ledger.charge({ at: 0, tokens: costing(1) });
    ledger.charge({ at: 10, session: 'a', tokens: costing(0.1) });
    ledger.charge({ at: 20, session: 'a', tokens: costing(0.1) });
    ledger.charge({ at: 30, session: 'a', tokens: costing(0.1) });
    ledger.charge({ at: 40, session: 'b', tokens: costing(0.1) });
    ledger.charge({ at: DAY, session: 'a', tokens: costing(0.1) });
    const { result, store } = replayed(setupWith(paused('1')), ledger.entries);
    expect(result.drafts[0]).toMatchObject({
      turns: 6,
      refused_turns: 2,
      turns_lost: 2,
      cost_replayed_usd: '1.10',
      paused_sessions_total: 2,
      paused_sessions: [
        { session: 'a', budget: 'team-day', developer: 'dev@example.com', turns_lost: 2 },
        { session: 'b', turns_lost: 0 },
      ],
    });
    expect(result.drafts[0]?.saved.turns_not_happened_usd).toBe('0.40');
    expect(store.of('refusal').map(({ turnId }) => turnId)).toEqual(['t2', 't5']);
  });

  test('by its own budget ends it for good', () => {
    const policy = policyOf({
      budgets: [{ id: 'session', scope: 'session', window: 'session', limit_usd: '1', ...PAUSES }],
      cascade: ['claude-opus-5-5'],
    });
    const ledger = new RecordedLedger();
    for (const at of [0, 10, DAY, 2 * DAY]) ledger.charge({ at, tokens: costing(1) });
    expect(draftOf(setupWith(policy), ledger.entries)).toMatchObject({ refused_turns: 1, turns_lost: 2 });
  });

  test('goes on where somebody raised the budget', () => {
    const ledger = new RecordedLedger();
    for (const at of [0, 10, 20, 100]) ledger.charge({ at, tokens: costing(1) });
    const fromMs = NOW + 50 * SECOND_MS;
    const raise = { budget: 'team-day', subject: null, extraNanoUsd: 10e9, fromMs, untilMs: fromMs + 1e6 };
    const setup = setupWith(paused('1'), { raises: [raise] });
    expect(draftOf(setup, ledger.entries)).toMatchObject({ refused_turns: 1, turns_lost: 1 });
  });

  test('in reality too ends nothing: what came after is known', () => {
    const ledger = new RecordedLedger();
    ledger.charge({ at: 0, tokens: costing(1) });
    ledger.refuse({ at: 10 }, 'budget');
    ledger.charge({ at: DAY, tokens: costing(0.1) });
    const draft = draftOf(setupWith(paused('1')), ledger.entries);
    expect(draft).toMatchObject({ refused_turns: 1, turns_lost: 0, cost_replayed_usd: '1.10' });
  });
});

describe('a turn that reality refused', () => {
  test('and the draft serves costs what was expected of it; what would have followed is counted as unknowable', () => {
    const ledger = new RecordedLedger();
    ledger.refuse({ at: 0, facts: { bodyBytes: 100_000 } }, 'budget');
    const draft = draftOf(setupWith(day('100')), ledger.entries);
    expect(Number(draft.cost_replayed_usd)).toBeGreaterThan(0);
    expect(Number(draft.saved.turns_added_usd)).toBe(-Number(draft.cost_replayed_usd));
    expect(draft.unknowable).toEqual({ refused_turns: 1, sessions: 1, served_turns: 1 });
  });

  test('for a moment is charged where it came again, and not twice', () => {
    const ledger = new RecordedLedger();
    ledger.refuse({ at: 0, facts: { bodyBytes: 100_000 } }, 'pending');
    ledger.charge({ at: 4, facts: { bodyBytes: 100_000 }, tokens: costing(0.5) });
    const draft = draftOf(setupWith(day('100')), ledger.entries);
    expect(draft).toMatchObject({ turns: 2, cost_replayed_usd: '0.50', saved_usd: '0.00' });
  });

  test('by a limit besides money was never sent: it is taken where it came again', () => {
    const ledger = new RecordedLedger();
    ledger.refuse({ at: 0 }, 'limit');
    ledger.charge({ at: 30, tokens: costing(0.5) });
    const { drafts, calibration } = replayed(setupWith(day('100')), ledger.entries).result;
    expect(calibration).toMatchObject({ turns: 1, decisions_equal: 1, refused_by_people: 0 });
    expect(drafts[0]).toMatchObject({
      turns: 1,
      refused_turns: 0,
      postponed_turns: 0,
      cost_replayed_usd: '0.50',
    });
  });

  test('because its key may not use the model is refused under the draft too, and no other turn is', () => {
    const ledger = new RecordedLedger();
    const inputs = { allowedModels: ['claude-sonnet-5-5'] };
    ledger.refuse({ at: 0, facts: { model: 'claude-haiku-5-5' }, inputs }, 'model');
    ledger.charge({ at: 10, facts: { model: 'claude-haiku-5-5' }, tokens: costing(0.1) });
    const { drafts, calibration } = replayed(setupWith(day('100')), ledger.entries).result;
    expect(calibration).toMatchObject({ turns: 2, decisions_equal: 2 });
    expect(drafts[0]).toMatchObject({ turns: 2, refused_turns: 1, turns_lost: 0 });
  });

  test.each(['paused', 'archived', 'stopped'] as const)('because people had it %s stays refused', (why) => {
    const ledger = new RecordedLedger();
    ledger.refuse({ at: 0 }, why);
    const { drafts, calibration } = replayed(setupWith(day('100')), ledger.entries).result;
    expect(calibration).toMatchObject({ turns: 0, refused_by_people: 1 });
    expect(drafts[0]).toMatchObject({ turns: 0, refused_turns: 0, cost_replayed_usd: '0.00' });
  });
});

describe('standings', () => {
  const SEED = { developer: 'dev@example.com', keyId: 'k', modelServed: 'claude-opus-5-5', session: 'old' };

  test.each([
    [true, 1],
    [false, 0],
  ])('begin with what was spent before, if asked to (%s)', (seedStanding, refused) => {
    const ledger = new RecordedLedger();
    ledger.charge({ at: 0, tokens: costing(0.1) });
    const replay = new Replay(setupWith(paused('1'), { seedStanding }), new MemoryStore());
    replay.seed([{ ...SEED, quarter: NOW / QUARTER_MS - 1, nanoUsd: 1e9 }]);
    for (const entry of ledger.entries) replay.take(entry);
    expect(replay.finish().drafts[0]?.refused_turns).toBe(refused);
  });

  test('have in them what turns from before the replay hold, until these are charged', () => {
    const ledger = new RecordedLedger();
    const hold = { expected: 1e9, ceiling: null, tokens: NO_TOKENS } as ReplayEntry['inputs']['hold'];
    ledger.charge({ at: -10, took: 20, inputs: { hold }, tokens: costing(0.2) });
    ledger.charge({ at: 5, session: 'b', tokens: costing(0.1) });
    const draft = draftOf(setupWith(paused('1')), ledger.entries);
    // Told to come back while the hold was there, and served afterwards.
    expect(draft).toMatchObject({
      turns: 1,
      refused_turns: 0,
      cost_actual_usd: '0.10',
      cost_replayed_usd: '0.10',
    });
    expect(draft.postponed_turns).toBeGreaterThan(0);
  });

  test('have a correction in the window in which its turn was admitted', () => {
    const ledger = new RecordedLedger();
    const late = ledger.charge({ at: 0, tokens: costing(0.5), rest: { estimatedWhy: 'lease_expired' } });
    const recordedAtMs = NOW + DAY * SECOND_MS;
    ledger.correct(late, { settleSeq: 9, recordedAtMs, chargedNanoUsd: 25e7, listNanoUsd: 25e7 });
    const [first] = draftOf(setupWith(day('1')), ledger.entries).by_day;
    expect(first).toMatchObject({
      day: '2026-11-23',
      budgets: [{ peak_utilization: 0.75, spend_usd: '0.75' }],
    });
  });

  test('are those a decision had seen: settlements count by the wallet’s own order', () => {
    const ledger = new RecordedLedger();
    ledger.charge({ at: 0, took: 10, tokens: costing(1), inputs: { settleSeq: 0 } });
    const inputs = { settleSeq: 0 };
    ledger.charge({ at: 10, session: 'b', tokens: costing(0.1), inputs });
    expect(draftOf(setupWith(paused('1.01')), ledger.entries).refused_turns).toBe(0);
    const seen = [
      ledger.entries[0],
      { ...ledger.entries[1], inputs: { ...ledger.entries[1]?.inputs, settleSeq: 1 } },
    ];
    expect(draftOf(setupWith(paused('1.01')), seen as ReplayEntry[]).refused_turns).toBe(1);
  });
});

test('a stage is told once per budget, subject and window', () => {
  const ledger = new RecordedLedger();
  for (const at of [0, 10, 20, DAY]) ledger.charge({ at, session: `s${at}`, tokens: costing(0.85) });
  const alert = { stages: [{ at: '0.80', do: 'alert' }] };
  const told = replayed(setupWith(day('1', alert)), ledger.entries).store.of('alert');
  expect(told.map(({ turnId, stage, stageAction }) => [turnId, stage, stageAction])).toEqual([
    ['t1', 'team-day@0.80', 'alert'],
    ['t4', 'team-day@0.80', 'alert'],
  ]);
});

test('limits a tenth lower and higher come from the same run', () => {
  const ledger = new RecordedLedger();
  ledger.charge({ at: 0, tokens: costing(0.95) });
  ledger.charge({ at: 10, session: 'b', tokens: costing(0.04) });
  ledger.charge({ at: 20, session: 'c', tokens: costing(0.04) });
  expect(draftOf(setupWith(paused('1')), ledger.entries).sensitivity).toMatchObject([
    { limits: '0.9', refused_turns: 2 },
    { limits: '1.0', refused_turns: 1 },
    { limits: '1.1', refused_turns: 0 },
  ]);
});

test('a model that failed in reality fails in a draft that sends the turn there, which is decided anew', () => {
  const ledger = new RecordedLedger();
  ledger.charge({ at: 0, tokens: costing(0.97) });
  const anew = { openSeq: 2, settleSeq: 1, atMs: NOW + 11 * SECOND_MS };
  const earlier = [{ model: SONNET, refused: [], policyVersion: null, anew }];
  const inputs = { earlier, refused: [SONNET], settleSeq: 1 };
  ledger.charge({ at: 10, took: 5, tokens: costing(0.1), inputs });
  const { result, store } = replayed(setupWith(day('1')), ledger.entries);
  expect(result.drafts[0]?.downgraded_turns).toBe(1);
  expect(store.of('downgrade')).toMatchObject([{ turnId: 't2', model: 'claude-haiku-5-5' }]);
});

test('an entry that names a policy version nobody gave is an error', () => {
  const ledger = new RecordedLedger();
  ledger.charge({ at: 0, rest: { policyVersion: 7 } });
  expect(() => replayed(setupWith(day('1')), ledger.entries)).toThrow(/policy version 7/);
});

test('no turns at all come to nothing', () => {
  const { drafts, calibration, assumptions } = replayed(setupWith(day('1')), []).result;
  expect(drafts[0]).toMatchObject({ turns: 0, cost_actual_usd: '0.00', saved_usd: '0.00', by_day: [] });
  expect(calibration).toMatchObject({ turns: 0, decisions_equal: 0, cost_error_usd: '0.00' });
  expect(assumptions.length).toBeGreaterThan(10);
});
