/**
 * What each generation of models accepts in a request. Adapting a turn and skipping a model both read these
 * values and never a model's name, so that a new model is a row here and no branch anywhere.
 *
 * Source: Anthropic's documentation and migration guides (thinking, effort, per-message effort, task budgets,
 * fast mode, mid-conversation system messages, compaction, fallbacks) and error texts seen, as of 2026-11-23.
 * Each value stands as documented for the first model that had it; a model's row overrides where it differs from
 * its generation. Where the documentation names no value for a model, the one that is safe to fit to is taken.
 */
import { type Capabilities, EFFORTS, type Effort } from './types.ts';

const UP_TO_HIGH: readonly Effort[] = ['low', 'medium', 'high'];

/** Claude 3.5: no thinking at all, so that a last assistant message is always accepted. */
export const WITHOUT_THINKING: Capabilities = {
  thinking: [],
  thinksUnasked: false,
  thinkingOffEfforts: null,
  efforts: [],
  messageEffort: false,
  taskBudget: false,
  systemMessages: false,
  fast: false,
  sampling: true,
  prefill: 'always',
  forcedToolChoice: true,
  compaction: false,
  fallbacks: false,
  maxImages: 100,
};

/** Claude 4 to 4.5: thinking by budget only, `adaptive` and `output_config.effort` are refused. */
export const BUDGET_THINKING: Capabilities = {
  ...WITHOUT_THINKING,
  thinking: ['enabled', 'disabled'],
  prefill: 'thinking_off',
};

/** Opus 4.5: the first with efforts, low to high. */
export const OPUS_4_5: Capabilities = { ...BUDGET_THINKING, efforts: UP_TO_HIGH };

/** Opus and Sonnet 4.6: adaptive thinking beside the budget, effort `max`, compaction, 1M tokens, no prefill. */
export const CLAUDE_4_6: Capabilities = {
  ...BUDGET_THINKING,
  thinking: ['enabled', 'adaptive', 'disabled'],
  efforts: [...UP_TO_HIGH, 'max'],
  prefill: 'never',
  compaction: true,
  maxImages: 600,
};

/** Opus 4.7 and later: no thinking budget, every effort, task budgets, no sampling parameters. */
export const OPUS_4_7: Capabilities = {
  ...CLAUDE_4_6,
  thinking: ['adaptive', 'disabled'],
  efforts: EFFORTS,
  taskBudget: true,
  sampling: false,
};

/**
 * Opus 4.8: system messages in mid-conversation. Its fast mode is deprecated and an error from 2026-11-30, so no
 * turn is fitted to it any more; turns that still ran fast are priced as such.
 */
export const OPUS_4_8: Capabilities = { ...OPUS_4_7, systemMessages: true };

/** Sonnet 5: as Opus 4.7, without task budgets; it thinks unless told not to. */
export const SONNET_5: Capabilities = { ...OPUS_4_7, thinksUnasked: true, taskBudget: false };

/** Opus 5: effort by message, fallbacks; it thinks unless told not to, and can be told so up to effort high. */
export const OPUS_5: Capabilities = {
  ...OPUS_4_8,
  thinksUnasked: true,
  thinkingOffEfforts: UP_TO_HIGH,
  messageEffort: true,
  fallbacks: true,
  fast: true,
};

/** Fable and Mythos 5: thinking cannot be turned off. */
export const FABLE_5: Capabilities = {
  ...OPUS_4_8,
  thinking: ['adaptive'],
  thinksUnasked: true,
  fallbacks: true,
};

/** Fable and Mythos 5.1: effort by message, tools cannot be forced. */
export const FABLE_5_1: Capabilities = { ...FABLE_5, messageEffort: true, forcedToolChoice: false };

/** Opus 5.5: thinking cannot be turned off, tools cannot be forced, fast. */
export const OPUS_5_5: Capabilities = { ...FABLE_5_1, fast: true };

/** Fable 5.2: the first Fable with fast mode. */
export const FABLE_5_2: Capabilities = { ...FABLE_5_1, fast: true };

/** Sonnet 5.5: instead of `disabled` it has `between_tools`, up to effort high. */
export const SONNET_5_5: Capabilities = {
  ...FABLE_5_1,
  thinking: ['adaptive', 'between_tools'],
  thinkingOffEfforts: UP_TO_HIGH,
};

/** Haiku 5.5: as Opus 5, without fast and without a list of fallbacks. */
export const HAIKU_5_5: Capabilities = { ...OPUS_5, fast: false, fallbacks: false };
