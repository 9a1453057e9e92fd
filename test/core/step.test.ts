import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dearness, findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { decide } from '../../durable-objects/core/decide.ts';
import type { Decision, TurnToDecide } from '../../durable-objects/core/decision.ts';
import type { SessionHistory } from '../../durable-objects/core/history.ts';
import { addNanoUsd, NANO_PER_USD, nanoUsd } from '../../durable-objects/core/money.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import type { Standing } from '../../durable-objects/core/standing.ts';
import type { Step } from '../../durable-objects/core/step.ts';
import { judge, NOW, nextTurn, policyOf, short, standings, TEAM_DAY, turn, warm } from './judging.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TEAM = policyOf(TEAM_DAY);

/** The step that a first decision made. */
function stepOf(decision: Decision): Step {
  if (decision.kind === 'refuse' || !decision.step) throw new Error(`no step: ${short(decision)}`);
  return decision.step;
}

const STEPPED = stepOf(judge(turn(), TEAM, [[96, 0]]));

function raised(at: readonly Standing[], budget: string, usd: number): Standing[] {
  return at.map((standing) => {
    if (standing.budget.id !== budget) return standing;
    const extra = nanoUsd(usd * NANO_PER_USD);
    return { ...standing, limit: addNanoUsd(standing.limit, extra), raised: extra };
  });
}

function decideAgain(
  step: Step,
  at: readonly Standing[],
  policy: Policy,
  facts = {},
  history: SessionHistory | null = null,
  nowMs = NOW,
) {
  const asked = history ? nextTurn(history, facts, { step }) : turn(facts, { step });
  return decide(asked, at, policy, builtinCatalogue, nowMs);
}

describe('a thread of Opus that the stage of a day’s budget stepped down to Sonnet', () => {
  const reason = 'stage:team-day@0.95';

  test('stays there though expected money was given back', () => {
    const decision = decideAgain(STEPPED, standings(TEAM, [[90, 0]]), TEAM);
    expect(short(decision)).toBe('downgrade sonnet-5-5');
    expect(decision).toMatchObject({
      reasons: [reason, 'sticky'],
      stage: 'team-day@0.95',
      crossings: [],
      step: STEPPED,
    });
  });

  test('goes back when the window ends', () => {
    const decision = decideAgain(STEPPED, standings(TEAM, [[0, 0]]), TEAM, {}, null, NOW + DAY);
    expect(short(decision)).toBe('proceed opus-5-5');
    expect(decision).toMatchObject({ reasons: [], step: null });
  });

  test('keeps its step while it asks for less, and has it when it asks for more again', () => {
    const less = decideAgain(STEPPED, standings(TEAM, [[96, 0]]), TEAM, { model: 'claude-haiku-5-5' });
    expect(less).toMatchObject({ kind: 'proceed', model: 'claude-haiku-5-5', reasons: [], step: STEPPED });
    expect(short(decideAgain(stepOf(less), standings(TEAM, [[90, 0]]), TEAM))).toBe('downgrade sonnet-5-5');
  });

  test('is also kept from a dearer model than the one it asked for', () => {
    const decision = decideAgain(STEPPED, standings(TEAM, [[96, 0]]), TEAM, { model: 'claude-fable-5-2' });
    expect(short(decision)).toBe('downgrade sonnet-5-5');
  });

  const onSonnet = warm(50_000, 'claude-sonnet-5-5');
  const gone = warm(50_000, 'claude-sonnet-5-5', { caches: [] });
  const at96 = standings(TEAM, [[96, 0]]);
  const richer = policyOf({ budgets: [{ ...TEAM_DAY.budgets[0], limit_usd: '200' }] });
  const later = policyOf({
    ...TEAM_DAY,
    stages: [
      { at: '0.99', do: 'downgrade' },
      { at: '1.10', do: 'pause' },
    ],
  });
  const other = policyOf({ budgets: [{ ...TEAM_DAY.budgets[0], id: 'other' }] });
  test.each<[what: string, at: Standing[], policy: Policy]>([
    ['a raise', raised(at96, 'team-day', 50), TEAM],
    ['a larger limit', standings(richer, [[96, 0]]), richer],
    ['a later stage', standings(later, [[96, 0]]), later],
    ['the budget’s end', standings(other, [[0, 0]]), other],
    ['the end of all budgets', [], policyOf({ budgets: [] })],
  ])('%s lifts the step: it lingers while Sonnet’s cache is warm, then Opus is back', (_, at, policy) => {
    const lingering = decideAgain(STEPPED, at, policy, {}, onSonnet);
    expect(short(lingering)).toBe('downgrade sonnet-5-5');
    expect(lingering).toMatchObject({ reasons: [reason, 'sticky:cache_warm'], step: STEPPED });
    const back = decideAgain(STEPPED, at, policy, {}, gone);
    expect(short(back)).toBe('proceed opus-5-5');
    expect(back).toMatchObject({ reasons: [], step: null });
  });

  test('lingers too where the whole policy was taken away', () => {
    const without = (history: SessionHistory) =>
      short(decide(nextTurn(history, {}, { step: STEPPED }), [], null, builtinCatalogue, NOW));
    expect(without(onSonnet)).toBe('downgrade sonnet-5-5');
    expect(without(gone)).toBe('proceed opus-5-5');
  });

  test('a raise that the money has caught up with lifts nothing', () => {
    const caughtUp = raised(standings(TEAM, [[145, 0]]), 'team-day', 50);
    expect(decideAgain(STEPPED, caughtUp, TEAM).reasons).toEqual([reason, 'sticky']);
  });

  test('a smaller limit lifts nothing', () => {
    const smaller = policyOf({ budgets: [{ ...TEAM_DAY.budgets[0], limit_usd: '99' }] });
    expect(decideAgain(STEPPED, standings(smaller, [[90, 0]]), smaller).reasons).toEqual([reason, 'sticky']);
  });

  test.each<[what: string, imageCount: number, retiresAtMs: number | null, expected: string]>([
    ['is retired', 0, NOW, 'downgrade haiku-5-5'],
    ['still is', 0, null, 'downgrade sonnet-5-5'],
    ['can take no more images, as no other below', 601, null, 'proceed opus-5-5'],
  ])('where Sonnet meanwhile %s', (_, imageCount, retiresAtMs, expected) => {
    const models = builtinCatalogue.models.map((model) =>
      model.id === 'claude-sonnet-5-5' ? { ...model, retiresAtMs } : model,
    );
    const asked = turn({ imageCount }, { step: STEPPED });
    expect(short(decide(asked, at96, TEAM, { ...builtinCatalogue, models }, NOW))).toBe(expected);
  });

  test('is kept down by Haiku’s money as well, once Sonnet’s is short', () => {
    const lines = policyOf({
      budgets: [...TEAM_DAY.budgets, { ...TEAM_DAY.budgets[0], id: 'sonnet', line: 'sonnet' }],
    });
    const decision = decideAgain(
      STEPPED,
      standings(lines, [
        [96, 0],
        [110, 0],
      ]),
      lines,
    );
    expect(short(decision)).toBe('downgrade haiku-5-5');
    expect(decision.reasons).toEqual([reason, 'sticky', 'short:sonnet']);
    expect(stepOf(decision).causes.map(({ budget }) => budget)).toEqual(['team-day', 'sonnet']);
  });

  test('waits for Sonnet’s holds to pass rather than going back to Opus', () => {
    const lines = policyOf({
      budgets: [
        ...TEAM_DAY.budgets,
        ...['sonnet', 'haiku'].map((line) => ({ ...TEAM_DAY.budgets[0], id: line, line })),
      ],
    });
    const decision = decideAgain(
      STEPPED,
      standings(lines, [
        [96, 0],
        [0, 110],
        [0, 110],
      ]),
      lines,
    );
    expect(short(decision)).toBe('refuse pending sonnet');
  });

  test('goes back to Opus rather than nowhere where Sonnet and Haiku are spent, and keeps its step', () => {
    const lines = policyOf({
      budgets: [
        ...TEAM_DAY.budgets,
        ...['sonnet', 'haiku'].map((line) => ({ ...TEAM_DAY.budgets[0], id: line, line })),
      ],
    });
    const decision = decideAgain(
      STEPPED,
      standings(lines, [
        [96, 0],
        [110, 0],
        [110, 0],
      ]),
      lines,
    );
    expect(short(decision)).toBe('proceed opus-5-5');
    expect(stepOf(decision)).toEqual(STEPPED);
  });
});

describe('a step of a session’s budget', () => {
  const policy = policyOf({
    budgets: [{ id: 'session', scope: 'session', window: 'session', limit_usd: '10' }],
  });
  test('never ends by itself', () => {
    const step = stepOf(judge(turn(), policy, [[9.6, 0]]));
    const decision = decideAgain(step, standings(policy, [[9, 0]]), policy, {}, null, NOW + 300 * DAY);
    expect(short(decision)).toBe('downgrade sonnet-5-5');
  });
});

describe('a thread of Opus on Haiku for want of the money of two lines', () => {
  const line = (id: string, name: string, window: string) => ({
    id,
    scope: 'cost_center',
    line: name,
    window,
    limit_usd: '100',
    stages: [{ at: '1.00', do: 'pause' }],
  });
  const spent = [
    [100, 0],
    [100, 0],
  ] as const;
  const dayThenWeek = policyOf({ budgets: [line('opus', 'opus', 'day'), line('sonnet', 'sonnet', 'week')] });
  const weekThenDay = policyOf({ budgets: [line('opus', 'opus', 'week'), line('sonnet', 'sonnet', 'day')] });

  test('is back on Opus as soon as Opus has money again, whatever Sonnet has', () => {
    const step = stepOf(judge(turn(), dayThenWeek, spent));
    const next = standings(dayThenWeek, [
      [0, 0],
      [100, 0],
    ]);
    const decision = decideAgain(step, next, dayThenWeek, {}, null, NOW + DAY);
    expect(short(decision)).toBe('proceed opus-5-5');
  });

  test('is back on Sonnet as soon as Sonnet has money again, and kept from Opus until that has', () => {
    const step = stepOf(judge(turn(), weekThenDay, spent));
    const next = standings(weekThenDay, [
      [99.99, 0],
      [0, 0],
    ]);
    const decision = decideAgain(step, next, weekThenDay, {}, null, NOW + DAY);
    expect(short(decision)).toBe('downgrade sonnet-5-5');
    expect(decision).toMatchObject({
      reasons: ['short:opus', 'sticky'],
      step: { causes: [{ budget: 'opus' }] },
    });
  });

  test('stays on Haiku a while where that has the warm cache', () => {
    const step = stepOf(judge(turn(), weekThenDay, spent));
    const next = standings(weekThenDay, [
      [100, 0],
      [0, 0],
    ]);
    const onHaiku = warm(50_000, 'claude-haiku-5-5', {
      caches: [{ model: 'claude-haiku-5-5', tokens: 50_000, ttlMs: HOUR, expiresAtMs: NOW + DAY + HOUR }],
    });
    const decision = decideAgain(step, next, weekThenDay, {}, onHaiku, NOW + DAY);
    expect(short(decision)).toBe('downgrade haiku-5-5');
    expect(decision.reasons).toContain('sticky:cache_warm');
  });

  test('does not keep Fable, which is of neither line, from a thread that asks for it', () => {
    const step = stepOf(judge(turn(), dayThenWeek, spent));
    const decision = decideAgain(step, standings(dayThenWeek, spent), dayThenWeek, {
      model: 'claude-fable-5-2',
    });
    expect(short(decision)).toBe('proceed fable-5-2');
  });
});

const LIMIT_USD = 10;
const PROPERTY = policyOf({
  budgets: [
    { id: 'team', scope: 'cost_center', window: 'day', limit_usd: '10' },
    { id: 'session', scope: 'session', window: 'session', limit_usd: '10' },
    { id: 'opus', scope: 'cost_center', line: 'opus', window: 'week', limit_usd: '10' },
    { id: 'sonnet', scope: 'developer', line: 'sonnet', window: 'day', limit_usd: '10' },
  ],
});

interface Happening {
  asked: string;
  settledUsd: number[];
  heldUsd: number[];
  bodyBytes: number;
  waitMs: number;
  maxTokens: number;
}

const usd = (max: number) => fc.double({ min: 0, max, noNaN: true });
const each = (arbitrary: fc.Arbitrary<number>) => fc.array(arbitrary, { minLength: 4, maxLength: 4 });

/** Turns of $0.10 to $1.50 on Opus, while little is settled beside them and other turns hold now more, now less. */
const happening: fc.Arbitrary<Happening> = fc.record({
  asked: fc.constantFrom('claude-opus-5-5', 'claude-opus-5-5', 'claude-fable-5-2', 'claude-sonnet-5-5'),
  settledUsd: each(usd(0.1)),
  heldUsd: each(usd(1)),
  bodyBytes: fc.integer({ min: 40_000, max: 600_000 }),
  waitMs: fc.constantFrom(10_000, 60_000, 400_000, 2 * HOUR),
  maxTokens: fc.integer({ min: 1_000, max: 64_000 }),
});

/** Near the lines from the beginning: that is where something can flip. */
const beginning = each(fc.double({ min: 0.8 * LIMIT_USD, max: 1.1 * LIMIT_USD, noNaN: true }));

function dearnessAt(id: string): number {
  const model = findModel(builtinCatalogue, id);
  return model ? dearness(model, NOW) : Number.POSITIVE_INFINITY;
}

interface Judged {
  asked: TurnToDecide;
  nowMs: number;
  at: Standing[];
  decision: Decision;
}

/** Plays one thread within one day, its own step fed back to it; what it is not refused is added to its history. */
function play(settledUsd: readonly number[], happenings: readonly Happening[]): Judged[] {
  const settled = [...settledUsd];
  const judged: Judged[] = [];
  let [step, history, nowMs]: [Step | null, SessionHistory | null, number] = [null, null, NOW];
  for (const happening of happenings) {
    const { heldUsd, bodyBytes, waitMs, maxTokens } = happening;
    nowMs += waitMs;
    if (nowMs >= NOW + DAY) break;
    happening.settledUsd.forEach((more, index) => {
      settled[index] = (settled[index] ?? 0) + more;
    });
    const money = settled.map((spent, index) => [spent, heldUsd[index] ?? 0] as const);
    const at = standings(PROPERTY, money);
    const asked = turn({ model: happening.asked, bodyBytes, maxTokens }, { step, history });
    const decision = decide(asked, at, PROPERTY, builtinCatalogue, nowMs);
    judged.push({ asked, nowMs, at, decision });
    if (decision.kind === 'refuse') continue;
    ({ step } = decision);
    const { model, hold } = decision;
    const tokens = hold.tokens.cacheReadTokens + hold.tokens.cacheWrite1hTokens;
    const caches = [{ model, tokens, ttlMs: HOUR, expiresAtMs: nowMs + HOUR }];
    history = warm(tokens, model, { bodyBytes, atMs: nowMs, caches });
  }
  return judged;
}

describe('whatever a window brings', () => {
  const threads = fc.tuple(beginning, fc.array(happening, { minLength: 2, maxLength: 12 }));

  test('a thread that asks for a model is never again served by a dearer one, holds of other turns aside', () => {
    fc.assert(
      fc.property(threads, ([settled, happenings]) => {
        const served = new Map<string, number>();
        for (const { asked, decision } of play(settled, happenings)) {
          const { model } = asked.facts;
          const isHeld = decision.reasons.some((reason) => reason.startsWith('held:'));
          if (decision.kind === 'refuse' || isHeld) continue;
          const least = served.get(model) ?? Number.POSITIVE_INFINITY;
          const now = dearnessAt(decision.model);
          expect(now, `${model} on ${decision.model}`).toBeLessThanOrEqual(least);
          served.set(model, now);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('no admission takes settled and held money over the pause line of a budget that binds it', () => {
    fc.assert(
      fc.property(threads, ([settled, happenings]) => {
        for (const { at, decision } of play(settled, happenings)) {
          if (decision.kind === 'refuse') continue;
          const line = findModel(builtinCatalogue, decision.model)?.line;
          for (const { budget, settled: spent, held } of at) {
            if (budget.line !== null && budget.line !== line) continue;
            expect(spent + held + decision.hold.expected).toBeLessThanOrEqual(1.1 * LIMIT_USD * NANO_PER_USD);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('a refusal is final only where settled money leaves no model room, other turns’ holds aside', () => {
    fc.assert(
      fc.property(threads, ([settled, happenings]) => {
        for (const { asked, nowMs, at, decision } of play(settled, happenings)) {
          if (decision.kind !== 'refuse') continue;
          const unheld = at.map((each) => ({ ...each, held: nanoUsd(0), expected: nanoUsd(0) }));
          const alone = decide(asked, unheld, PROPERTY, builtinCatalogue, nowMs);
          if (alone.kind !== 'refuse') expect(decision.why).toBe('pending');
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
