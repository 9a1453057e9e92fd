/** What `npm run bench:decide` decides over: one policy of 20 budgets and 20 routes, and one turn under it at five stands. */
import type { TurnToDecide } from '../../durable-objects/core/decision.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import type { Standing } from '../../durable-objects/core/standing.ts';
import { NOW, nextTurn, policyOf, standings, warm } from '../../test/core/judging.ts';

export { NOW };

export interface Case {
  name: string;
  turn: TurnToDecide;
  standings: Standing[];
  policy: Policy;
}

const SCOPES = ['cost_center', 'developer', 'key'];
const WINDOWS = ['day', 'week', 'month'];
const LINES = [undefined, undefined, 'opus', 'sonnet', 'haiku'];
const LIMIT_USD = 1_000;

/** All scopes, windows and lines, each of another limit; the last one a session's. */
function budgets(): object[] {
  const calendar = Array.from({ length: 19 }, (_, index) => ({
    id: `budget-${index}`,
    scope: SCOPES[index % SCOPES.length],
    window: WINDOWS[Math.floor(index / 2) % WINDOWS.length],
    line: LINES[index % LINES.length],
    limit_usd: String(LIMIT_USD),
  }));
  return [...calendar, { id: 'session', scope: 'session', window: 'session', limit_usd: String(LIMIT_USD) }];
}

/** Routes that all get as far as their last condition, which does not hold; `last` stands at the end. */
function routes(last: object): object[] {
  const whens = [
    { kinds: ['main'], lines: ['fable', 'opus', 'sonnet', 'haiku'], input_tokens_below: 10_000 },
    { input_tokens_below: 900_000, new_input_tokens_below: 100 },
    { tags: { repository: 'web', team: 'platform' }, kinds: ['main', 'subagent'] },
    { budget: 'budget-15', remaining_usd_below: '1.00', kinds: ['main'] },
    { kinds: ['main'], input_tokens_below: 900_000, hours: { from: '21:00', to: '04:30' } },
  ];
  const others = Array.from({ length: 19 }, (_, index) => ({
    id: `route-${index}`,
    when: whens[index % whens.length],
    use: 'claude-haiku-5-5',
  }));
  return [...others, { id: 'last', when: last, use: 'claude-haiku-5-5' }];
}

const MATCHING = { tags: { repository: 'api' }, kinds: ['main'] };
const NOT_MATCHING = { tags: { repository: 'none' }, kinds: ['main'] };

function policyWith(last: object, changes: object = {}): Policy {
  return policyOf({ timezone: 'Asia/Kolkata', budgets: budgets(), routes: routes(last), ...changes });
}

/** Settled in each budget by what it is of: the general ones, and each line's. */
function spent(policy: Policy, usd: Record<'all' | 'opus' | 'sonnet' | 'haiku', number>): Standing[] {
  return standings(
    policy,
    policy.budgets.map(({ line }) => [usd[(line ?? 'all') as keyof typeof usd], 3]),
  );
}

function warmTurn(): TurnToDecide {
  return nextTurn(
    warm(150_000, 'claude-opus-5-5', { turns: 40 }),
    {},
    { tags: { repository: 'api', team: 'platform' } },
  );
}

export function makeCases(): Case[] {
  const plain = policyWith(NOT_MATCHING);
  const routed = policyWith(MATCHING, { cascade: ['claude-opus-5-5', 'claude-sonnet-5-5'] });
  const guaranteed = policyWith(NOT_MATCHING, { admission: 'guaranteed', clamp_max_tokens: true });
  const turn = warmTurn();
  const staged = { all: 960, opus: 100, sonnet: 100, haiku: 100 };
  const handedDown = { all: 960, opus: 1_100, sonnet: 1_100, haiku: 100 };
  return [
    {
      name: 'below every stage',
      turn,
      policy: plain,
      standings: spent(plain, { all: 1, opus: 1, sonnet: 1, haiku: 1 }),
    },
    { name: 'downgrade stage, no route matches', turn, policy: plain, standings: spent(plain, staged) },
    {
      name: 'downgrade stage, no room at Sonnet, the last route matches',
      turn,
      policy: routed,
      standings: spent(routed, { ...staged, sonnet: 1_100 }),
    },
    {
      name: 'downgrade stage, handed down twice, no route matches',
      turn,
      policy: plain,
      standings: spent(plain, handedDown),
    },
    {
      name: 'ceilings that have to be lowered',
      turn,
      policy: guaranteed,
      standings: spent(guaranteed, { ...staged, all: 1_096.4 }),
    },
  ];
}
