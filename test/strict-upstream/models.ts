/**
 * Which model accepts what, copied by hand from Anthropic's documentation (as of 2026-11-23) feature by feature,
 * the way its pages list them. It is the check on the catalogue's capabilities, so it takes nothing from them.
 */
const MODELS = [
  'fable-5-2',
  'mythos-5-2',
  'fable-5-1',
  'mythos-5-1',
  'fable-5',
  'mythos-5',
  'opus-5-5',
  'opus-5',
  'opus-4-8',
  'opus-4-7',
  'opus-4-6',
  'opus-4-5',
  'sonnet-5-5',
  'sonnet-5',
  'sonnet-4-6',
  'sonnet-4-5',
  'haiku-5-5',
  'haiku-4-5',
] as const;
export type ModelName = (typeof MODELS)[number];

/** Every model id the upstream serves. */
export const STRICT_MODELS: readonly string[] = MODELS.map((name) => `claude-${name}`);

/** The name without vendor and snapshot date; undefined where the upstream serves no such model. */
export function modelName(id: string): ModelName | undefined {
  const bare = id.replace(/^claude-/, '').replace(/-\d{8}$/, '');
  return MODELS.find((name) => name === bare);
}

type Only = readonly ModelName[];
const ALWAYS_THINKING: Only = ['fable-5-2', 'mythos-5-2', 'fable-5-1', 'mythos-5-1', 'fable-5', 'mythos-5'];
const UP_TO_4_5: Only = ['opus-4-5', 'sonnet-4-5', 'haiku-4-5'];

/** `thinking: enabled` with a budget: the only form up to 4.5, deprecated but taken on 4.6, refused from then on. */
export const TAKES_BUDGET: Only = [...UP_TO_4_5, 'opus-4-6', 'sonnet-4-6'];
export const REFUSES_ADAPTIVE: Only = UP_TO_4_5;
export const REFUSES_DISABLED: Only = [...ALWAYS_THINKING, 'opus-5-5', 'sonnet-5-5'];
export const TAKES_BETWEEN_TOOLS: Only = ['sonnet-5-5'];
/** With thinking off, these take efforts up to high only. */
export const CAPS_EFFORT_WITHOUT_THINKING: Only = ['opus-5', 'haiku-5-5', 'sonnet-5-5'];
/** Thinks where the request names no form of thinking. */
export const THINKS_UNASKED: Only = [
  ...ALWAYS_THINKING,
  'opus-5-5',
  'opus-5',
  'sonnet-5-5',
  'sonnet-5',
  'haiku-5-5',
];

export const WITHOUT_EFFORT: Only = ['haiku-4-5', 'sonnet-4-5'];
export const EFFORT_TO_HIGH: Only = ['opus-4-5'];
/** They have `max`, and not yet `xhigh`. */
export const WITHOUT_XHIGH: Only = ['opus-4-6', 'sonnet-4-6'];
export const TAKES_TASK_BUDGET: Only = [
  ...ALWAYS_THINKING,
  'opus-5-5',
  'opus-5',
  'opus-4-8',
  'opus-4-7',
  'sonnet-5-5',
  'haiku-5-5',
];
export const TAKES_EFFORT_BY_MESSAGE: Only = [
  'fable-5-2',
  'mythos-5-2',
  'fable-5-1',
  'mythos-5-1',
  'opus-5-5',
  'opus-5',
  'sonnet-5-5',
  'haiku-5-5',
];
export const TAKES_SYSTEM_MESSAGES: Only = [
  ...ALWAYS_THINKING,
  'opus-5-5',
  'opus-5',
  'opus-4-8',
  'sonnet-5-5',
  'haiku-5-5',
];

/** Opus 4.8 has lost it by 2026-11-30, Opus 4.6 ignores the field. */
export const TAKES_FAST: Only = ['fable-5-2', 'opus-5-5', 'opus-5', 'opus-4-6'];
export const TAKES_SAMPLING: Only = [...UP_TO_4_5, 'opus-4-6', 'sonnet-4-6'];
export const TAKES_PREFILL_WITHOUT_THINKING: Only = UP_TO_4_5;
export const REFUSES_FORCED_TOOLS: Only = [
  'fable-5-2',
  'mythos-5-2',
  'fable-5-1',
  'mythos-5-1',
  'opus-5-5',
  'sonnet-5-5',
];
export const REFUSES_COMPACTION: Only = UP_TO_4_5;
export const REFUSES_FALLBACKS: Only = ['haiku-5-5'];

/** The others: 1M tokens in, 128K out, 600 images. */
export const SMALL: Only = UP_TO_4_5;
