/** What changes about a policy's budgets, in words. */
import type { NanoUsd } from '../../../durable-objects/core/money.ts';
import type { Budget, Stage, StageAction } from '../../../durable-objects/core/policy/types.ts';
import { matchById } from './by-id.ts';
import { changedAmount, listed, usd } from './phrases.ts';

const SCOPE = {
  cost_center: 'the cost center',
  developer: 'each developer',
  key: 'each key',
  session: 'each session',
} as const;

const WINDOW = { day: ' a day', week: ' a week', month: ' a month', session: '' } as const;

/** Of a budget's overrides so many are named. */
const NAMED_OVERRIDES = 10;

function stageText({ at, do: action, stepDown }: Stage): string {
  return `${action} ${at}${action === 'downgrade' && stepDown === 'always' ? ' (always)' : ''}`;
}

/** "60.00 USD a day for each developer, on opus alone; alert 0.80, pause 1.00". */
function budgetText({ scope, window, line, limitNanoUsd, stages, overrides, admission }: Budget): string {
  const parts = [
    `${usd(limitNanoUsd)}${WINDOW[window]} for ${SCOPE[scope]}`,
    ...(line === null ? [] : [`on ${line} alone`]),
    ...(overrides.size === 0 ? [] : [`with ${overrides.size} overrides`]),
    ...(admission === 'guaranteed' ? ['guaranteed'] : []),
  ];
  return `${parts.join(', ')}; ${stages.map(stageText).join(', ') || 'without stages'}`;
}

function changedOverrides(
  before: ReadonlyMap<string, NanoUsd>,
  after: ReadonlyMap<string, NanoUsd>,
): string[] {
  const phrases: string[] = [];
  for (const [developer, limit] of after) {
    const earlier = before.get(developer);
    if (earlier === undefined) phrases.push(`override for ${developer} added, ${usd(limit)}`);
    else if (earlier !== limit) phrases.push(`override for ${developer} ${changedAmount(earlier, limit)}`);
  }
  for (const [developer, limit] of before) {
    if (!after.has(developer)) phrases.push(`override for ${developer} removed (was ${usd(limit)})`);
  }
  const rest = phrases.length - NAMED_OVERRIDES;
  return rest > 0 ? [...phrases.slice(0, NAMED_OVERRIDES), `and ${rest} more overrides changed`] : phrases;
}

function changedStages(before: readonly Stage[], after: readonly Stage[]): string[] {
  const actions: readonly StageAction[] = ['alert', 'downgrade', 'pause'];
  return actions.flatMap((action) => {
    const [from, to] = [before, after].map((stages) => stages.find((stage) => stage.do === action));
    if (!from && !to) return [];
    if (!from) return [`${action} added at ${to?.at}`];
    if (!to) return [`${action} removed (was at ${from.at})`];
    const moved = from.atMillionths === to.atMillionths ? [] : [`${action} at ${from.at} → ${to.at}`];
    if (action !== 'downgrade' || from.stepDown === to.stepDown) return moved;
    const how = to.stepDown === 'always' ? 'whatever it costs' : 'only where it pays';
    return [...moved, `steps down ${how}`];
  });
}

/** What is other about a budget that is in both, a phrase each. */
function changesOf(before: Budget, after: Budget): string[] {
  const line = ({ line: name }: Budget) => name ?? 'every line';
  const changes: string[] = [];
  if (before.limitNanoUsd !== after.limitNanoUsd) {
    changes.push(`limit ${changedAmount(before.limitNanoUsd, after.limitNanoUsd)}`);
  }
  if (before.scope !== after.scope) changes.push(`for ${SCOPE[before.scope]} → for ${SCOPE[after.scope]}`);
  if (before.window !== after.window) changes.push(`window ${before.window} → ${after.window}`);
  if (before.line !== after.line) changes.push(`counts ${line(before)} → ${line(after)}`);
  changes.push(...changedStages(before.stages, after.stages));
  changes.push(...changedOverrides(before.overrides, after.overrides));
  if (before.admission !== after.admission) {
    changes.push(`admission ${before.admission} → ${after.admission}`);
  }
  if (before.clampMaxTokens !== after.clampMaxTokens) {
    changes.push(after.clampMaxTokens ? 'may lower max_tokens to fit' : 'no longer lowers max_tokens');
  }
  return changes;
}

/** Additions, removals and changes by id. What is the same change in every budget that was there before is said once. */
export function budgetWords(from: readonly Budget[], to: readonly Budget[]): string[] {
  const { added, removed, kept } = matchById(from, to);
  const changed = kept.map(({ before, after }) => ({ id: after.id, phrases: changesOf(before, after) }));
  const [first, ...others] = changed;
  const everywhere = (first?.phrases ?? []).filter(
    (phrase) => others.length > 0 && others.every(({ phrases }) => phrases.includes(phrase)),
  );
  const all = listed(
    changed.map(({ id }) => id),
    NAMED_OVERRIDES,
  );
  return [
    ...added.map((budget) => `${budget.id}: new budget, ${budgetText(budget)}`),
    ...removed.map((budget) => `${budget.id}: removed (was ${budgetText(budget)})`),
    ...everywhere.map((phrase) => `${all}: ${phrase}`),
    ...changed.flatMap(({ id, phrases }) =>
      phrases.filter((phrase) => !everywhere.includes(phrase)).map((phrase) => `${id}: ${phrase}`),
    ),
  ];
}
