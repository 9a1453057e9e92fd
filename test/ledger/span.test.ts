import { describe, expect, test } from 'vitest';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { type Span, toSpan, toTracesBody } from '../../durable-objects/ledger/span.ts';

function entry(changes: Partial<Entry> = {}): Entry {
  return {
    entry_id: '01K',
    turn_id: 'turn-1',
    attempt: 1,
    kind: 'charge',
    corrects: null,
    received_at: '2026-11-23T12:00:00.000Z',
    first_byte_at: '2026-11-23T12:00:01.000Z',
    last_byte_at: '2026-11-23T12:00:02.500Z',
    admitted_at: '2026-11-23T12:00:00.010Z',
    recorded_at: '2026-11-23T12:00:03.000Z',
    open_seq: 1,
    settle_seq: 2,
    cost_center: 'squad',
    developer: 'dev@example.com',
    key_id: 'k0001',
    key_tags: { team: 'secret-team' },
    session: 'session-1',
    agent: null,
    turn_kind: 'main',
    model_asked: 'claude-opus-5-5',
    model_served: 'claude-sonnet-5-5',
    model_unknown: false,
    provider: 'anthropic',
    provider_instance: 'anthropic',
    price_millionths: null,
    billed_to: null,
    upstream_credential: 'c1',
    anthropic_version: '2023-06-01',
    decision: 'downgrade',
    stage: 'team-day@0.95',
    route: null,
    reasons: ['stage:team-day@0.95'],
    decision_inputs: {},
    policy_version: 3,
    standing: [
      {
        budget: 'dev-day',
        scope: 'developer',
        subject: 'dev@example.com',
        line: null,
        window_start: '2026-11-23T00:00:00.000Z',
        resets_at: null,
        limit_nano_usd: 60,
        raised_nano_usd: 0,
        settled_nano_usd: 50,
        held_nano_usd: 5,
        expected_nano_usd: 4,
      },
    ],
    input_tokens: 10,
    cache_write_5m_tokens: 20,
    cache_write_1h_tokens: 30,
    cache_read_tokens: 40,
    output_tokens: 50,
    web_search_requests: 0,
    service_tier: 'standard',
    speed: null,
    inference_geo: null,
    held_nano_usd: 2_000,
    expected_nano_usd: 1_900,
    charged_nano_usd: 9_007_199_254_740_991,
    asked_nano_usd: null,
    list_nano_usd: 1,
    list_price_version: 'v',
    charged_price_version: 'v',
    estimated: false,
    estimated_why: null,
    http_status: 200,
    error_type: null,
    stop_reason: 'end_turn',
    upstream_request_id: 'req_1',
    request_bytes: 1,
    response_bytes: 2,
    stream: true,
    max_tokens: 32_000,
    total_input_tokens: 100,
    new_input_tokens: 100,
    message_count: 1,
    tools_offered: ['Bash'],
    tools_used: [],
    tool_results_failed: null,
    effort: null,
    thinking: null,
    ...changes,
  };
}

function valuesOf(span: Span): Record<string, unknown> {
  return Object.fromEntries(span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

describe('an entry as a span', () => {
  test('has the attributes of the GenAI conventions, integers as strings', () => {
    const span = toSpan(entry());
    expect(span).toMatchObject({ name: 'chat claude-opus-5-5', kind: 3, status: {} });
    expect(span.startTimeUnixNano).toBe('1795435200000000000');
    expect(span.endTimeUnixNano).toBe('1795435202500000000');
    expect(valuesOf(span)).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.request.model': 'claude-opus-5-5',
      'gen_ai.response.model': 'claude-sonnet-5-5',
      'gen_ai.response.finish_reasons': { values: [{ stringValue: 'end_turn' }] },
      'gen_ai.conversation.id': 'session-1',
      'gen_ai.usage.input_tokens': '100',
      'gen_ai.usage.output_tokens': '50',
      'gen_ai.usage.cache_read.input_tokens': '40',
      'gen_ai.usage.cache_creation.input_tokens': '50',
    });
  });

  test('says what Bursar decided and charged', () => {
    expect(valuesOf(toSpan(entry()))).toMatchObject({
      'bursar.cost_center': 'squad',
      'bursar.model_asked': 'claude-opus-5-5',
      'bursar.model_served': 'claude-sonnet-5-5',
      'bursar.decision': 'downgrade',
      'bursar.stage': 'team-day@0.95',
      'bursar.policy_version': '3',
      'bursar.charged_nano_usd': '9007199254740991',
      'bursar.standing': {
        values: [{ stringValue: 'dev-day;scope=developer;line=*;settled=50;held=5;expected=4;limit=60' }],
      },
    });
    expect(valuesOf(toSpan(entry()))).not.toHaveProperty(['bursar.route']);
    expect(valuesOf(toSpan(entry({ route: 'easy-turns' })))).toHaveProperty(['bursar.route'], 'easy-turns');
  });

  test('names no developer, key or tag', () => {
    expect(JSON.stringify(toSpan(entry()))).not.toMatch(/dev@example|k0001|secret-team/);
  });

  test('has ids of hex digits that are the same again; attempts share the trace', () => {
    const first = toSpan(entry());
    expect(first.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(first.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(toSpan(entry())).toEqual(first);
    const second = toSpan(entry({ attempt: 2, entry_id: '02' }));
    expect(second.traceId).toBe(first.traceId);
    expect(second.spanId).not.toBe(first.spanId);
  });

  test('of a correction is below the turn’s, without usage', () => {
    const charge = toSpan(entry());
    const correction = toSpan(
      entry({ kind: 'correction', corrects: '01K', entry_id: '02K', output_tokens: -5 }),
    );
    expect(correction).toMatchObject({ traceId: charge.traceId, parentSpanId: charge.spanId, kind: 1 });
    expect(valuesOf(correction)).toHaveProperty(['bursar.corrects'], '01K');
    expect(correction.attributes.filter(({ key }) => key.startsWith('gen_ai.'))).toEqual([]);
  });

  test.each([
    ['refusal', { error_type: null, http_status: null }, 'bursar.refused'],
    ['failure', { error_type: 'overloaded_error', http_status: 529 }, 'overloaded_error'],
    ['failure', { error_type: null, http_status: 500 }, '500'],
  ] as const)('of a %s is an error: %j', (kind, changes, errorType) => {
    const span = toSpan(entry({ kind, ...changes }));
    expect(span.status).toMatchObject({ code: 2 });
    expect(valuesOf(span)).toHaveProperty(['error.type'], errorType);
  });

  test('never ends before it begins, whatever the clocks say', () => {
    const span = toSpan(entry({ last_byte_at: null, recorded_at: '2026-11-23T11:59:59.000Z' }));
    expect(span.endTimeUnixNano).toBe(span.startTimeUnixNano);
  });
});

test('the body is OTLP’s JSON', () => {
  expect(JSON.parse(toTracesBody([JSON.stringify(toSpan(entry()))]))).toMatchObject({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'bursar' } }] },
        scopeSpans: [{ scope: { name: 'bursar' }, spans: [{ name: 'chat claude-opus-5-5' }] }],
      },
    ],
  });
});
