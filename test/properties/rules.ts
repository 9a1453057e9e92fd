/** A policy document as the reference wallet's rules. */
import type { PolicyDocument } from './commands.ts';
import type { Rules } from './reference-rules.ts';

function nanoUsd(usd: string): number {
  return Math.round(Number(usd) * 1e9);
}

export function rulesOf({ timezone, budgets, cascade }: PolicyDocument): Rules {
  return {
    timezone,
    cascade,
    budgets: budgets.map((budget) => ({
      id: budget.id,
      scope: budget.scope,
      window: budget.window === 'session' ? null : budget.window,
      line: budget.line ?? null,
      limit: nanoUsd(budget.limit_usd),
      overrides: new Map(Object.entries(budget.overrides ?? {}).map(([who, usd]) => [who, nanoUsd(usd)])),
      guaranteed: budget.admission === 'guaranteed',
      stages: [...budget.stages].map(({ at, do: does }) => ({ at: Math.round(Number(at) * 1_000), does })),
    })),
  };
}
