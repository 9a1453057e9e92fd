import { describe, expect, test } from 'vitest';
import type { Refusal, StandingView } from '../../durable-objects/wallet/rpc.ts';
import { downstreamHeaders, upstreamHeaders } from '../../worker/turn/forward.ts';
import { refusalResponse, standingHeaders, type TurnMark, turnHeaders } from '../../worker/turn/reply.ts';

const RESETS = Date.UTC(2026, 10, 24);

function standing(changes: Partial<StandingView> = {}): StandingView {
  return {
    id: 'team-day',
    scope: 'cost_center',
    subject: 'squad',
    line: null,
    window: 'day',
    windowStart: '2026-11-23T00:00:00+00:00',
    resetsAt: '2026-11-24T00:00:00+00:00',
    resetsAtMs: RESETS,
    limitNanoUsd: 500_000_000_000,
    raisedNanoUsd: 0,
    settledNanoUsd: 0,
    heldNanoUsd: 0,
    utilization: 0,
    stage: 'none',
    ...changes,
  };
}

describe('a client’s header', () => {
  const names = (name: string, isSimulator = false): boolean =>
    upstreamHeaders(new Headers({ [name]: 'x' }), '2023-06-01', isSimulator).has(name);

  test.each([
    'accept',
    'anthropic-beta',
    'anthropic-dangerous-direct-browser-access',
    'anthropic-unheard-of',
    'content-type',
    'user-agent',
    'x-app',
    'x-stainless-retry-count',
  ])('%s goes upstream', (name) => {
    expect(names(name)).toBe(true);
  });

  test.each([
    ['authorization', 'the client’s credential'],
    ['x-api-key', 'the client’s credential'],
    ['cookie', 'the client’s credential'],
    ['proxy-authorization', 'another’s credential'],
    ['cf-connecting-ip', 'the client’s address'],
    ['cf-access-jwt-assertion', 'a person’s identity'],
    ['x-forwarded-for', 'the client’s address'],
    ['x-real-ip', 'the client’s address'],
    ['true-client-ip', 'the client’s address'],
    ['forwarded', 'the client’s address'],
    ['connection', 'of this connection only'],
    ['te', 'of this connection only'],
    ['transfer-encoding', 'of this connection only'],
    ['upgrade', 'of this connection only'],
    ['host', 'made anew'],
    ['content-length', 'made anew'],
    ['accept-encoding', 'made anew'],
    ['x-claude-code-agent-id', 'Bursar’s to read'],
    ['x-bursar-anything', 'Bursar’s to read'],
    ['x-bursar-simulate', 'for the simulator only'],
    ['X-API-KEY', 'the same in capitals'],
  ])('%s stays here: %s', (name) => {
    expect(names(name)).toBe(false);
  });

  test.each(['x-bursar-simulate', 'x-bursar-simulate-seed'])('%s goes to the simulator', (name) => {
    expect(names(name, true)).toBe(true);
  });

  test.each([
    ['2026-10-21', '2026-10-21'],
    [null, '2023-06-01'],
  ])('anthropic-version %s is sent as %s', (asked, sent) => {
    const client = new Headers(asked === null ? {} : { 'anthropic-version': asked });
    expect(upstreamHeaders(client, '2023-06-01', false).get('anthropic-version')).toBe(sent);
  });
});

describe('an upstream’s header', () => {
  const passes = (name: string): boolean => downstreamHeaders(new Headers({ [name]: 'x' })).has(name);

  test.each([
    'anthropic-organization-id',
    'content-type',
    'request-id',
    'retry-after',
    'server-timing',
    'x-should-retry',
  ])('%s comes back', (name) => {
    expect(passes(name)).toBe(true);
  });

  test.each([
    ['anthropic-ratelimit-unified-status', 'the organisation’s'],
    ['anthropic-ratelimit-input-tokens-remaining', 'the organisation’s'],
    ['cf-ray', 'of another connection'],
    ['connection', 'of another connection'],
    ['content-encoding', 'the body comes decoded'],
    ['content-length', 'made anew'],
    ['set-cookie', 'between Bursar and the provider'],
    ['transfer-encoding', 'of another connection'],
    ['x-bursar-decision', 'Bursar’s own to say'],
  ])('%s stays here: %s', (name) => {
    expect(passes(name)).toBe(false);
  });
});

describe('the standing in an answer', () => {
  test.each<[utilization: number, status: string, shown: string, threshold: string | undefined]>([
    [0, 'allowed', '0.00', undefined],
    [0.104, 'allowed', '0.10', undefined],
    [0.7499, 'allowed', '0.75', undefined],
    [0.75, 'allowed_warning', '0.75', '0.75'],
    [0.82, 'allowed_warning', '0.82', '0.75'],
    [0.9499, 'allowed_warning', '0.95', '0.75'],
    [0.95, 'allowed_warning', '0.95', '0.95'],
    [0.996, 'allowed_warning', '0.99', '0.95'],
    [1, 'allowed_warning', '0.99', '0.95'],
    [1.09, 'allowed_warning', '0.99', '0.95'],
  ])('at %d is %s, shown as %s, past %s', (utilization, status, shown, threshold) => {
    const headers = standingHeaders(standing({ utilization }));
    expect(headers).toMatchObject({
      'anthropic-ratelimit-unified-status': status,
      'anthropic-ratelimit-unified-overage-status': status,
      'anthropic-ratelimit-unified-representative-claim': 'overage',
      'anthropic-ratelimit-unified-overage-utilization': shown,
      'anthropic-ratelimit-unified-reset': String(RESETS / 1000),
      'anthropic-ratelimit-unified-overage-reset': String(RESETS / 1000),
    });
    expect(headers['anthropic-ratelimit-unified-overage-surpassed-threshold']).toBe(threshold);
  });

  test('is left out where there is none', () => {
    expect(standingHeaders(null)).toEqual({});
  });
});

describe('the mark of an answer', () => {
  const mark = (changes: Partial<TurnMark> = {}): Record<string, string> =>
    turnHeaders({
      turnId: 'turn_1',
      model: 'claude-opus-5-5',
      decision: 'proceed',
      reasons: [],
      standing: null,
      ...changes,
    });

  test.each<[settled: number, utilization: number, budget: string]>([
    [0, 0, 'team-day;used=0.00;remaining_usd=500.00;resets=2026-11-24T00:00:00+00:00'],
    [414_800_000_000, 0.8296, 'team-day;used=0.83;remaining_usd=85.20;resets=2026-11-24T00:00:00+00:00'],
    [500_000_000_000, 1, 'team-day;used=1.00;remaining_usd=0.00;resets=2026-11-24T00:00:00+00:00'],
    [550_000_000_000, 1.1, 'team-day;used=1.10;remaining_usd=0.00;resets=2026-11-24T00:00:00+00:00'],
  ])('with %d nano-USD settled tells of the budget %d', (settledNanoUsd, utilization, budget) => {
    const view = standing({ settledNanoUsd, utilization });
    expect(mark({ standing: view })['x-bursar-budget']).toBe(budget);
  });

  test('without a budget tells of none', () => {
    expect(mark()).not.toHaveProperty('x-bursar-budget');
  });

  test('joins the reasons with spaces', () => {
    const reasons = ['stage:team-day@0.95', 'kept:cache_warm'];
    expect(mark({ reasons })['x-bursar-reason']).toBe('stage:team-day@0.95 kept:cache_warm');
  });

  test.each([
    ['of another script', 'модель', '??????'],
    ['with a line break in it', 'a\r\nset-cookie: b', 'a??set-cookie: b'],
    ['longer than a header should be', 'm'.repeat(5_000), 'm'.repeat(256)],
  ])('can say a model’s name %s', (_what, model, said) => {
    const headers = mark({ model });
    expect(headers['x-bursar-model']).toBe(said);
    expect(() => new Headers(headers)).not.toThrow();
  });
});

describe('a refusal', () => {
  const MARK: TurnMark = {
    turnId: 'turn_1',
    model: null,
    decision: 'refuse',
    reasons: ['paused'],
    standing: null,
  };
  function refuse(changes: Partial<Refusal>): Response {
    const refusal: Refusal = {
      why: 'budget',
      retryable: false,
      retryAfterSeconds: null,
      message: 'One sentence.',
      standing: null,
      ...changes,
    };
    return refusalResponse(refusal, MARK, 'req_1');
  }

  test.each<[what: string, view: StandingView, period: string, scope: string | null]>([
    ['the team’s day', standing(), 'monthly', 'group_pool'],
    ['the team’s month', standing({ window: 'month' }), 'monthly', 'group_pool'],
    ['a developer’s day', standing({ scope: 'developer' }), 'daily', null],
    ['a developer’s week', standing({ scope: 'developer', window: 'week' }), 'weekly', null],
    ['a key’s month', standing({ scope: 'key', window: 'month' }), 'monthly', null],
  ])('for %s is final, with the period and the instant of its reset', async (_what, view, period, scope) => {
    const { status, headers } = refuse({ standing: view, retryAfterSeconds: 3_600 });
    expect(status).toBe(429);
    expect(headers.get('x-should-retry')).toBe('false');
    expect(headers.get('retry-after')).toBe('3600');
    expect(headers.get('anthropic-ratelimit-unified-reset')).toBe(String(RESETS / 1000));
    expect(headers.get('anthropic-ratelimit-unified-overage-period')).toBe(period);
    expect(headers.get('anthropic-ratelimit-unified-overage-scope')).toBe(scope);
  });

  test('by a person, without an end, names neither a wait nor a reset', async () => {
    const response = refuse({ why: 'paused' });
    expect(response.status).toBe(429);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(response.headers.has('retry-after')).toBe(false);
    expect(response.headers.has('anthropic-ratelimit-unified-reset')).toBe(false);
    expect(await response.json()).toEqual({
      type: 'error',
      error: { type: 'billing_error', message: 'One sentence.' },
      request_id: 'req_1',
    });
  });

  test('that passes soon is a plain 429, which a client tries again by itself', async () => {
    const response = refuse({ why: 'pending', retryable: true, retryAfterSeconds: 3, standing: standing() });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('3');
    expect(response.headers.get('request-id')).toBe('req_1');
    const unified = [...response.headers.keys()].filter((name) => name.startsWith('anthropic-ratelimit-'));
    expect([...unified, response.headers.get('x-should-retry')]).toEqual([null]);
    expect(await response.json()).toMatchObject({ error: { type: 'rate_limit_error' } });
  });
});
