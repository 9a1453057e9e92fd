/** Random histories of a wallet: what fast-check draws, as plain data that prints well when it fails. */
import fc from 'fast-check';
import { pricesOf, type Terms } from './reference-prices.ts';

export const MODELS = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'] as const;
export const BODY_BYTES: readonly number[] = [5_000, 50_000, 400_000];
export const MAX_TOKENS = 4_000;

/** Three keys of two developers. */
export const PEOPLE = ['ada@example.com', 'ada@example.com', 'bo@example.com'] as const;

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Chatham',
] as const;

/** Shortly before a daylight-saving change, a midnight, or the end of a month. */
const STARTS = [
  '2035-03-25T00:40:00.000Z',
  '2035-10-28T00:40:00.000Z',
  '2035-03-11T06:40:00.000Z',
  '2035-03-31T14:40:00.000Z',
  '2035-06-30T21:50:00.000Z',
  '2035-12-31T23:58:00.000Z',
] as const;

/**
 * A second to eight days, and back; mostly short, so that money adds up before a window ends. Once in a while so
 * long that every session is over.
 */
const JUMPS_MS = [
  1_000, 1_000, 20_000, 20_000, 31_000, 960_000, 960_000, 3_600_000, 21_600_000, 86_400_000, 691_200_000,
  3_100_000_000, -10_000, -10_000, -3_600_000, -86_400_000,
] as const;

/** Turns share sessions, and within them threads: the main loop and one agent. */
export const SESSIONS = ['red', 'blue'] as const;
export const AGENTS = [null, 'agent'] as const;

const STAGES = [
  [
    { at: '0.80', do: 'alert' },
    { at: '0.95', do: 'downgrade' },
    { at: '1.10', do: 'pause' },
  ],
  [
    { at: '0.5', do: 'downgrade' },
    { at: '1.0', do: 'pause' },
  ],
  [{ at: '1.0', do: 'pause' }],
  [
    { at: '0.25', do: 'alert' },
    { at: '0.75', do: 'downgrade' },
  ],
] as const;

const CASCADES = [MODELS, [MODELS[0]], [MODELS[0], MODELS[2]]] as const;

/** A session's own window goes with its scope and no other. */
const counted = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      scope: fc.constantFrom('cost_center' as const, 'developer' as const, 'key' as const),
      window: fc.constantFrom('day' as const, 'week' as const, 'month' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ scope: fc.constant('session' as const), window: fc.constant('session' as const) }),
  },
);

const budget = fc.record({
  counted,
  line: fc.constantFrom(null, null, null, 'opus', 'sonnet'),
  /** Of the second developer, where the budget is counted by developer. */
  override: fc.constantFrom(null, null, '0', '0.60', '20'),
  limit_usd: fc.constantFrom('0', '0.30', '0.60', '0.60', '1', '1', '3', '20'),
  stages: fc.constantFrom(...STAGES),
  admission: fc.constantFrom('expected' as const, 'expected' as const, 'guaranteed' as const),
});

function toBudget<T extends typeof budget extends fc.Arbitrary<infer B> ? B : never>(
  drawn: T,
  index: number,
) {
  const { counted: of, line, override, ...rest } = drawn;
  const overrides = of.scope === 'developer' && override !== null ? { [PEOPLE[2]]: override } : null;
  return {
    id: `budget-${index}`,
    ...of,
    ...rest,
    ...(line === null ? {} : { line }),
    ...(overrides === null ? {} : { overrides }),
  };
}

/** A policy document. */
export const policy = fc.record({
  timezone: fc.constantFrom(...ZONES),
  budgets: fc.array(budget, { minLength: 1, maxLength: 3 }).map((budgets) => budgets.map(toBudget)),
  cascade: fc.constantFrom(...CASCADES),
});

export type PolicyDocument = typeof policy extends fc.Arbitrary<infer T> ? T : never;

export const start = fc.constantFrom(...STARTS);

/** Negotiated terms: odd shares, nothing left at all, and prices by which another model is the cheaper one. */
const TERMS: readonly Terms[] = [
  { offMillionths: 123_457n },
  { offMillionths: 333_333n },
  { offMillionths: 500_000n },
  { offMillionths: 1n },
  { offMillionths: 1_000_000n },
  { prices: pricesOf(1_500_001, 1_875_000, 3_000_000, 75_000, 7_500_003) },
  { prices: pricesOf(1_333_333, 1_666_667, 2_666_667, 77_777, 7_654_321) },
  { prices: pricesOf(3_000_000, 3_750_000, 6_000_000, 300_001, 14_999_999) },
  { prices: pricesOf(90_000, 112_500, 180_000, 9_000, 450_001) },
  // Cheap but for what is not cached, and the other way round: here the dearer model can be the one that pays.
  { prices: pricesOf(4_500_001, 1_000_000, 1_000_000, 10_000, 1_000_000) },
  { prices: pricesOf(100_001, 9_000_000, 9_000_000, 500_000, 900_001) },
];

/** Of a model alone, or of every one. */
export const override = fc.record({
  do: fc.constant('override' as const),
  model: fc.constantFrom(null, null, MODELS[0], ...MODELS),
  terms: fc.constantFrom(...TERMS),
  /** From now, and how long; null: open. */
  inMs: fc.constantFrom(0, 0, 0, 1_000, 20_000, 3_600_000),
  lastsMs: fc.constantFrom(null, null, null, 1_000, 40_000, 960_000, 86_400_000),
  /** Whether the wallet hears of it at once. */
  pushed: fc.boolean(),
});

/** Which of the latest turns a command is about, counted from the last. */
const turn = fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7);
const who = fc.nat({ max: PEOPLE.length - 1 });
/** Tokens of an answer: the prompt in thousandths of what the body can hold, and output. */
const promille = fc.nat({ max: 1_000 });
const output = fc.nat({ max: MAX_TOKENS });
const drawn = {
  promille,
  /** What of the prompt was read from a cache, in thousandths. */
  cached: fc.constantFrom(0, 0, 700),
  output,
  searches: fc.constantFrom(0, 0, 1),
  split: fc.boolean(),
  provider: fc.constantFrom('list' as const, 'dearest' as const),
};
/** Which attempt is reported on: mostly the present one, sometimes the one before. */
const isStale = fc.constantFrom(false, false, false, true);

const open = fc.record({
  do: fc.constant('open' as const),
  who,
  model: fc.constantFrom(...MODELS),
  session: fc.constantFrom(...SESSIONS),
  agent: fc.constantFrom(...AGENTS),
  size: fc.nat({ max: BODY_BYTES.length - 1 }),
  geo: fc.constantFrom(null, null, 'us' as const),
  /** What the dearest provider takes, in millionths of list prices. */
  dearest: fc.constantFrom(1_000_000, 1_000_000, 1_100_000, 1_333_333),
  bounded: fc.boolean().chain((often) => (often ? fc.constant(true) : fc.boolean())),
});

const settle = fc.record({
  do: fc.constant('settle' as const),
  turn,
  outcome: fc.constantFrom(
    'completed' as const,
    'completed' as const,
    'completed' as const,
    'broken_off' as const,
    'broken_off_unseen' as const,
    'failed' as const,
    'refused_unbilled' as const,
  ),
  isStale,
  /** The decision after the attempt was asked for and not heard. */
  isUndecided: fc.boolean(),
  ...drawn,
});

/** An attempt came to nothing. */
const reopen = fc.record({
  do: fc.constant('reopen' as const),
  turn,
  cause: fc.constantFrom(
    'billed' as const,
    'billed' as const,
    'providers_exhausted' as const,
    'model_refused' as const,
  ),
  isStale,
  provider: drawn.provider,
});

const renew = fc.record({ do: fc.constant('renew' as const), turn, seen: fc.boolean(), isStale, ...drawn });

export const command = fc.oneof(
  { weight: 10, arbitrary: open },
  { weight: 8, arbitrary: settle },
  { weight: 3, arbitrary: renew },
  { weight: 4, arbitrary: reopen },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('again' as const), turn, other: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(...JUMPS_MS) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('alarm' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('run_out' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('evict' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end_hold' as const), turn }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('give_up' as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('policy' as const), policy }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('raise' as const),
      budget: fc.nat({ max: 2 }),
      /** For the second developer alone, or for everyone. */
      single: fc.boolean(),
      extraUsd: fc.constantFrom(0.25, 1, 50),
      lastsMs: fc.constantFrom(60_000, 7_200_000, 864_000_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end_raises' as const) }) },
  { weight: 4, arbitrary: override },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('end_override' as const),
      which: fc.nat({ max: 3 }),
      pushed: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('key' as const),
      who,
      problem: fc.constantFrom(null, null, 'revoked' as const, 'disabled' as const),
    }),
  },
);

export type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;
export type CommandThat<Does extends Command['do']> = Extract<Command, { do: Does }>;
