/** Rules about the limits besides money: each says something, of one scope each, and leaves Claude Code room to work. */
import { USUAL_IDS } from './rate-limit-schema.ts';
import type { RateLimitSketch } from './sketch.ts';
import type { PolicyProblem, RateFigures, RateLimit } from './types.ts';

type Sketches = readonly (RateLimitSketch | null)[];

function idOf({ id, scope }: RateLimitSketch): string | null {
  return id ?? Object.entries(USUAL_IDS).find(([each]) => each === scope)?.[1] ?? null;
}

function problemsOf(limit: RateLimitSketch, index: number, limits: Sketches): PolicyProblem[] {
  const path = `limits[${index}]`;
  const before = limits.slice(0, index);
  const problems: PolicyProblem[] = [];
  const sameScope = before.findIndex((each) => each?.scope === limit.scope);
  if (limit.scope !== null && sameScope !== -1) {
    const message = `limits[${sameScope}] has the scope "${limit.scope}" already: expected one limit a scope`;
    problems.push({ path: `${path}.scope`, message });
  }
  const id = idOf(limit);
  const sameId = before.findIndex((each) => each !== null && id !== null && idOf(each) === id);
  if (sameId !== -1 && sameId !== sameScope) {
    problems.push({ path: `${path}.id`, message: `limits[${sameId}] has the same id` });
  }
  if (!limit.requests_per_minute && !limit.tokens_per_minute && !limit.concurrent_turns) {
    const message = 'expected requests_per_minute, tokens_per_minute or concurrent_turns';
    problems.push({ path, message });
  }
  if (limit.overrides && limit.scope !== null && limit.scope !== 'developer') {
    const message = 'only a limit of scope "developer" has overrides';
    problems.push({ path: `${path}.overrides`, message });
  }
  return problems;
}

/** Contradictions within the limits of a policy. */
export function rateLimitProblems(limits: Sketches): PolicyProblem[] {
  return limits.flatMap((limit, index) => (limit ? problemsOf(limit, index, limits) : []));
}

/** A session of Claude Code has a main loop and, as often as not, a sub-agent beside it. */
const USUAL_TURNS = 2;
/** The prompt of an early turn of the main loop, in tokens. */
const USUAL_TOKENS = 20_000;
/** A main loop between two tool calls, with the auxiliary turns beside it. */
const USUAL_REQUESTS = 10;

function doubtsOf(figures: RateFigures, path: string): PolicyProblem[] {
  const { requestsPerMinute, tokensPerMinute, concurrentTurns } = figures;
  const doubts: PolicyProblem[] = [];
  if (requestsPerMinute !== null && requestsPerMinute < USUAL_REQUESTS) {
    const message = `one session of Claude Code sends ${USUAL_REQUESTS} turns a minute and more: it waits for most of them`;
    doubts.push({ path: `${path}.requests_per_minute`, message });
  }
  if (tokensPerMinute !== null && tokensPerMinute < USUAL_TOKENS) {
    const message = `one turn of Claude Code's main loop has ${USUAL_TOKENS} tokens and more: each waits until the minute before it was empty`;
    doubts.push({ path: `${path}.tokens_per_minute`, message });
  }
  if (concurrentTurns !== null && concurrentTurns < USUAL_TURNS) {
    const message = `a session of Claude Code has a turn of its own and turns of its sub-agents at once: expected at least ${USUAL_TURNS} for these to work`;
    doubts.push({ path: `${path}.concurrent_turns`, message });
  }
  return doubts;
}

function differing(own: RateFigures, usual: RateFigures): RateFigures {
  const figure = (name: keyof RateFigures) => (own[name] === usual[name] ? null : own[name]);
  return {
    requestsPerMinute: figure('requestsPerMinute'),
    tokensPerMinute: figure('tokensPerMinute'),
    concurrentTurns: figure('concurrentTurns'),
  };
}

/** Limits below what one session of Claude Code needs. */
export function rateLimitWarnings(limits: readonly RateLimit[]): PolicyProblem[] {
  return limits.flatMap((limit, index) => {
    const path = `limits[${index}]`;
    const overrides = [...limit.overrides].flatMap(([developer, own]) =>
      doubtsOf(differing(own, limit), `${path}.overrides.${developer}`),
    );
    return [...doubtsOf(limit, path), ...overrides];
  });
}
