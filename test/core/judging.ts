/** Decisions without a wallet: policies, turns and standings as a test writes them down. */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { decide } from '../../durable-objects/core/decide.ts';
import type { Decision, TurnToDecide } from '../../durable-objects/core/decision.ts';
import type { SessionHistory } from '../../durable-objects/core/history.ts';
import { nanoUsd } from '../../durable-objects/core/money.ts';
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import type { Standing } from '../../durable-objects/core/standing.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import { turnFacts } from '../turn-facts.ts';

/** A Monday at noon, UTC. */
export const NOW = Date.UTC(2026, 10, 23, 12);
const DAY = 86_400_000;

export function policyOf(document: object): Policy {
  const context = { timezone: 'UTC', catalogue: builtinCatalogue, nowMs: NOW, enforce: 'new' as const };
  const parsed = parsePolicy(document, context);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.policy;
}

/** A turn of a fresh thread, but for what is given. */
export function turn(facts: Partial<TurnFacts> = {}, rest: Partial<TurnToDecide> = {}): TurnToDecide {
  return {
    facts: turnFacts({ thinking: null, effort: null, toolsOffered: [], ...facts }),
    history: null,
    tags: {},
    step: null,
    allowedModels: null,
    preferred: null,
    exempt: false,
    refused: [],
    ...rest,
  };
}

/** A thread in mid-session: `promptTokens` on a model, cached there for an hour since a minute ago. */
export function warm(
  promptTokens: number,
  model = 'claude-opus-5-5',
  changes: Partial<SessionHistory> = {},
): SessionHistory {
  const atMs = NOW - 60_000;
  return {
    model,
    tokenizer: 'new',
    promptTokens,
    firstPromptTokens: 14_000,
    bodyBytes: Math.round(promptTokens * 3.6),
    outputTokens: 2_000,
    turns: 10,
    typicalOutputTokens: 2_000,
    growthTokens: 5_000,
    tokensPerNewByte: null,
    typicalGapMs: 30_000,
    caches: [{ model, tokens: promptTokens, ttlMs: 3_600_000, expiresAtMs: atMs + 3_600_000 }],
    atMs,
    ...changes,
  };
}

/** The next turn of a warm thread: 3,000 tokens more than before. */
export function nextTurn(
  history: SessionHistory,
  facts: Partial<TurnFacts> = {},
  rest: Partial<TurnToDecide> = {},
): TurnToDecide {
  return turn({ bodyBytes: history.bodyBytes + 10_800, ...facts }, { history, ...rest });
}

/** Standings of the policy's budgets with this much settled and held (USD) in each, in order. */
export function standings(
  policy: Policy,
  money: readonly (readonly [settled: number, held: number])[],
): Standing[] {
  return policy.budgets.map((budget, index) => {
    const [settled = 0, held = 0] = money[index] ?? [];
    const amount = (usd: number) => nanoUsd(Math.round(usd * 1e9));
    const days = { day: 1, week: 7, month: 30, session: null }[budget.window];
    return {
      budget,
      subject: 'x',
      startMs: NOW - DAY,
      endMs: days === null ? null : NOW + days * DAY,
      limit: budget.limitNanoUsd,
      raised: nanoUsd(0),
      settled: amount(settled),
      held: amount(held),
      expected: amount(held),
    };
  });
}

export function judge(
  asked: TurnToDecide,
  policy: Policy,
  money: readonly (readonly [settled: number, held: number])[],
  nowMs = NOW,
): Decision {
  return decide(asked, standings(policy, money), policy, builtinCatalogue, nowMs);
}

export const TEAM_DAY = {
  budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' }],
};

/** "downgrade sonnet-5-5", "refuse budget team-day". */
export function short(decision: Decision): string {
  if (decision.kind === 'refuse') return `refuse ${decision.why} ${decision.standing?.budget.id ?? '-'}`;
  return `${decision.kind} ${decision.model.replace('claude-', '')}`;
}
