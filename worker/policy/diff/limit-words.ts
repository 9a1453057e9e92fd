/** What changes about a policy's limits besides money, in words. */
import type { RateFigures, RateLimit } from '../../../durable-objects/core/policy/types.ts';

const EACH = { cost_center: 'the cost center', developer: 'each developer', key: 'each key' } as const;

/** Of a limit's overrides so many are named. */
const NAMED_OVERRIDES = 10;

const FIGURES: { name: keyof RateFigures; what: string }[] = [
  { name: 'requestsPerMinute', what: 'requests a minute' },
  { name: 'tokensPerMinute', what: 'tokens a minute' },
  { name: 'concurrentTurns', what: 'turns at once' },
];

/** "60 requests a minute, 4 turns at once". */
function figuresText(figures: RateFigures): string {
  const said = FIGURES.flatMap(({ name, what }) =>
    figures[name] === null ? [] : [`${figures[name]} ${what}`],
  );
  return said.join(', ');
}

function changedFigures(before: RateFigures, after: RateFigures): string[] {
  return FIGURES.flatMap(({ name, what }) => {
    const [from, to] = [before[name], after[name]];
    return from === to ? [] : [`${from ?? 'any number of'} → ${to ?? 'any number of'} ${what}`];
  });
}

function changedOverrides(before: RateLimit, after: RateLimit): string[] {
  const phrases: string[] = [];
  for (const [developer, figures] of after.overrides) {
    const earlier = before.overrides.get(developer);
    if (!earlier) phrases.push(`override for ${developer} added, ${figuresText(figures)}`);
    else phrases.push(...changedFigures(earlier, figures).map((each) => `override for ${developer} ${each}`));
  }
  for (const developer of before.overrides.keys()) {
    if (!after.overrides.has(developer)) phrases.push(`override for ${developer} removed`);
  }
  const rest = phrases.length - NAMED_OVERRIDES;
  return rest > 0 ? [...phrases.slice(0, NAMED_OVERRIDES), `and ${rest} more overrides changed`] : phrases;
}

function limitText(limit: RateLimit): string {
  const { overrides } = limit;
  return `${figuresText(limit)}${overrides.size === 0 ? '' : `, with ${overrides.size} overrides`}`;
}

/** Additions, removals and changes by scope, of which each has one limit at most. */
export function limitWords(from: readonly RateLimit[], to: readonly RateLimit[]): string[] {
  const words: string[] = [];
  for (const after of to) {
    const before = from.find(({ scope }) => scope === after.scope);
    const who = `limit for ${EACH[after.scope]}`;
    if (!before) words.push(`${who}: new, ${limitText(after)}`);
    else {
      const named = before.id === after.id ? [] : [`named ${before.id} → ${after.id}`];
      const changes = [...named, ...changedFigures(before, after), ...changedOverrides(before, after)];
      words.push(...changes.map((change) => `${who}: ${change}`));
    }
  }
  for (const before of from) {
    if (to.some(({ scope }) => scope === before.scope)) continue;
    words.push(`limit for ${EACH[before.scope]}: removed (was ${limitText(before)})`);
  }
  return words;
}
