/** What a policy document that leaves a field out means by it. */
import type { Stage } from './types.ts';

/** Warn at 80 %, step down at 95 %, pause at 110 %. */
export const DEFAULT_STAGES: readonly Stage[] = [
  { at: '0.80', atMillionths: 800_000, do: 'alert', stepDown: 'if_it_pays' },
  { at: '0.95', atMillionths: 950_000, do: 'downgrade', stepDown: 'if_it_pays' },
  { at: '1.10', atMillionths: 1_100_000, do: 'pause', stepDown: 'if_it_pays' },
];

/** The current Opus, Sonnet and Haiku, dearest first. */
export const DEFAULT_CASCADE: readonly string[] = [
  'claude-opus-5-5',
  'claude-sonnet-5-5',
  'claude-haiku-5-5',
];
