/** What changes about a policy's routes, in words. */
import type { Route, RouteConditions } from '../../../durable-objects/core/policy/types.ts';
import { matchById } from './by-id.ts';
import { listed, timeOfDay, usd } from './phrases.ts';

const NAMED = 10;

/** What each condition says; null where it is not there. The order is that of the document. */
const CONDITIONS: { name: string; text: (when: RouteConditions) => string | null }[] = [
  {
    name: 'remaining money',
    text: ({ budget, remainingBelow }) =>
      remainingBelow === null ? null : `under ${usd(remainingBelow)} left in ${budget}`,
  },
  { name: 'input', text: ({ inputTokensBelow }) => tokensText('input tokens', inputTokensBelow) },
  {
    name: 'new input',
    text: ({ newInputTokensBelow }) => tokensText('new input tokens', newInputTokensBelow),
  },
  { name: 'kinds', text: ({ kinds }) => kinds?.toSorted().join(', ') ?? null },
  { name: 'lines', text: ({ lines }) => lines?.toSorted().join(', ') ?? null },
  {
    name: 'hours',
    text: ({ hours }) => hours && `${timeOfDay(hours.fromMinute)} to ${timeOfDay(hours.toMinute)}`,
  },
  {
    name: 'tags',
    text: ({ tags }) =>
      tags &&
      [...tags]
        .map(([name, value]) => `${name}=${value}`)
        .toSorted()
        .join(', '),
  },
];

function tokensText(what: string, below: number | null): string | null {
  return below === null ? null : `under ${below} ${what}`;
}

function routeText({ when, use }: Route): string {
  const conditions = CONDITIONS.flatMap(({ name, text }) => {
    const said = text(when);
    return said === null ? [] : [`${name} ${said}`];
  });
  return `to ${use} ${conditions.length === 0 ? 'always' : `where ${conditions.join('; ')}`}`;
}

function changesOf(before: Route, after: Route): string[] {
  const changes = before.use === after.use ? [] : [`${before.use} → ${after.use}`];
  for (const { name, text } of CONDITIONS) {
    const [from, to] = [text(before.when), text(after.when)];
    if (from !== to) changes.push(`${name} ${from ?? 'whatever'} → ${to ?? 'whatever'}`);
  }
  return changes;
}

/** Additions, removals and changes by id, and the order, which decides where several match. */
export function routeWords(from: readonly Route[], to: readonly Route[]): string[] {
  const { added, removed, kept, orderBefore, orderAfter } = matchById(from, to);
  const words = [
    ...added.map((route) => `route ${route.id}: new, ${routeText(route)}`),
    ...removed.map((route) => `route ${route.id}: removed (was ${routeText(route)})`),
    ...kept.flatMap(({ before, after }) =>
      changesOf(before, after).map((change) => `route ${after.id}: ${change}`),
    ),
  ];
  if (orderBefore.join() === orderAfter.join()) return words;
  return [...words, `routes: order ${listed(orderBefore, NAMED)} → ${listed(orderAfter, NAMED)}`];
}
