/**
 * Tokens by length. Four characters make a token of the older tokenizer; the newer one makes about 30 % more
 * tokens of the same text (Anthropic's migration notes, see the catalogue's `tokenizer`). Both are rules of
 * thumb: the simulator counts plausibly, not exactly.
 */
import type { Model } from '../../../durable-objects/core/catalogue/types.ts';

/** Tokens per 40 characters. */
const PER_40_CHARACTERS = { old: 10, new: 13 } as const satisfies Record<Model['tokenizer'], number>;

/** Tokens that `characters` make for a model's tokenizer, rounded up. */
export function tokensOf(characters: number, tokenizer: Model['tokenizer']): number {
  return Math.ceil((characters * PER_40_CHARACTERS[tokenizer]) / 40);
}

/** The longest text in characters that makes at most so many tokens. */
export function charactersOf(tokens: number, tokenizer: Model['tokenizer']): number {
  return Math.floor((tokens * 40) / PER_40_CHARACTERS[tokenizer]);
}
