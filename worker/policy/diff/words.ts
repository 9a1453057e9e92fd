/**
 * What changes from one policy to another, in sentences people read. It compares what the policies mean: a field that
 * is left out is its default, and budgets and routes are known by their ids, wherever they stand.
 */
import type { Policy } from '../../../durable-objects/core/policy/types.ts';
import { budgetWords } from './budget-words.ts';
import { listed } from './phrases.ts';
import { routeWords } from './route-words.ts';

const NAMED_MODELS = 20;

function allowedText(models: readonly string[] | null): string {
  return models === null ? 'every model' : listed(models.toSorted(), NAMED_MODELS);
}

/** One sentence a change; empty where both policies mean the same. */
export function wordsOf(from: Policy, to: Policy): string[] {
  const words: string[] = [];
  if (from.timezone !== to.timezone) words.push(`time zone: ${from.timezone} → ${to.timezone}`);
  words.push(...budgetWords(from.budgets, to.budgets));
  if (from.cascade.join() !== to.cascade.join()) {
    words.push(`cascade: ${from.cascade.join(', ')} → ${to.cascade.join(', ')}`);
  }
  const [before, after] = [allowedText(unique(from.allowedModels)), allowedText(unique(to.allowedModels))];
  if (before !== after) words.push(`allowed models: ${before} → ${after}`);
  words.push(...routeWords(from.routes, to.routes));
  return words;
}

function unique(models: readonly string[] | null): string[] | null {
  return models && [...new Set(models)];
}
