/**
 * What changes from one policy to another, in sentences people read. It compares what the policies mean: a field that
 * is left out is its default, and budgets and routes are known by their ids, wherever they stand.
 */
import type { Policy } from '../../../durable-objects/core/policy/types.ts';
import { budgetWords } from './budget-words.ts';
import { limitWords } from './limit-words.ts';
import { listed } from './phrases.ts';
import { routeWords } from './route-words.ts';

const NAMED = 20;

function allowedText(what: 'model' | 'provider', names: readonly string[] | null): string {
  return names === null ? `every ${what}` : listed([...new Set(names)].toSorted(), NAMED);
}

function allowedWords(
  what: 'model' | 'provider',
  from: readonly string[] | null,
  to: readonly string[] | null,
) {
  const [before, after] = [allowedText(what, from), allowedText(what, to)];
  return before === after ? [] : [`allowed ${what}s: ${before} → ${after}`];
}

const EXHAUSTED = { fail: 'the turn fails', step_down: 'it goes on down the cascade' } as const;

/** One sentence a change; empty where both policies mean the same. */
export function wordsOf(from: Policy, to: Policy): string[] {
  const words: string[] = [];
  if (from.timezone !== to.timezone) words.push(`time zone: ${from.timezone} → ${to.timezone}`);
  words.push(...budgetWords(from.budgets, to.budgets));
  if (from.cascade.join() !== to.cascade.join()) {
    words.push(`cascade: ${from.cascade.join(', ')} → ${to.cascade.join(', ')}`);
  }
  words.push(...allowedWords('model', from.allowedModels, to.allowedModels));
  words.push(...allowedWords('provider', from.allowedProviders, to.allowedProviders));
  if (from.whenExhausted !== to.whenExhausted) {
    words.push(
      `where every provider of a model is at its limits: ${EXHAUSTED[from.whenExhausted]} → ${EXHAUSTED[to.whenExhausted]}`,
    );
  }
  words.push(...limitWords(from.limits, to.limits));
  words.push(...routeWords(from.routes, to.routes));
  return words;
}
