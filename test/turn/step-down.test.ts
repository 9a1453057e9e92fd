/** Whatever a model takes, a cheaper one takes it fitted: judged by the strict upstream, not by the catalogue. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dearness } from '../../durable-objects/core/catalogue/lookup.ts';
import { utcMidnight } from '../../durable-objects/core/catalogue/price-row.ts';
import { cannotServe } from '../../durable-objects/core/catalogue/serve.ts';
import { adaptBody } from '../../worker/turn/adapt.ts';
import { inspect } from '../../worker/turn/inspect.ts';
import { STRICT_MODELS } from '../strict-upstream/models.ts';
import { refusalOf } from '../strict-upstream/refuse.ts';
import { type Body, decode, encode, model } from './adapting.ts';
import { ASKED_MODELS, bodiesOf } from './claude-code-bodies.ts';

const AT = utcMidnight('2026-11-23');

function cheaperThan(asked: string): string[] {
  const isCheaper = (id: string): boolean => dearness(model(id), AT) < dearness(model(asked), AT);
  return STRICT_MODELS.filter(isCheaper);
}

function sentTo(targetId: string, body: Body, maxTokens: number | null = null): Body {
  const text = JSON.stringify(body);
  return JSON.parse(decode(adaptBody(encode(text), JSON.parse(text), model(targetId), targetId, maxTokens)));
}

describe('a session of Claude Code', () => {
  const recorded = ASKED_MODELS.flatMap((asked) =>
    Object.entries(bodiesOf(asked)).map(([what, body]) => ({ asked, what, body })),
  );

  test.each(recorded)('$what as $asked is asked is what that model takes', ({ asked, body }) => {
    const refusal = refusalOf(JSON.parse(JSON.stringify(body)), asked);
    // The client says `system` to Sonnet 5 all the same, and mends itself after the refusal.
    const isKnown = asked === 'claude-sonnet-5' && JSON.stringify(body).includes('"role":"system"');
    expect(refusal?.message ?? null).toBe(isKnown ? "role 'system' is not supported on this model" : null);
  });

  test.each(recorded)('$what steps down from $asked to every cheaper model', ({ asked, body }) => {
    const refused = cheaperThan(asked).map((id) => [id, refusalOf(sentTo(id, body), id)?.message]);
    expect(refused.filter(([, message]) => message !== undefined)).toEqual([]);
  });

  test('there are such steps from every model but the cheapest', () => {
    const steps = ASKED_MODELS.map((asked) => cheaperThan(asked).length);
    expect(steps.filter((count) => count === 0)).toHaveLength(1);
    expect(steps.reduce((sum, count) => sum + count)).toBeGreaterThan(100);
  });

  test('to a 5.5 model goes with its history untouched', () => {
    for (const { asked, body } of recorded) {
      for (const id of cheaperThan(asked).filter((each) => each.endsWith('-5-5'))) {
        const { messages, system, tools } = sentTo(id, body);
        expect({ messages, system, tools }).toEqual({
          messages: body.messages,
          system: body.system,
          tools: body.tools,
        });
      }
    }
  });
});

/** There one time in four: most models refuse most things, and a request with all of them is nobody's to take. */
function rarely<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

function present<T>(list: readonly (T | undefined)[]): T[] {
  return list.filter((each) => each !== undefined);
}

describe('any request', () => {
  const effort = fc.constantFrom('low', 'medium', 'high', 'xhigh', 'max');
  const words = fc.constantFrom<unknown>('be brief', [{ type: 'text', text: 'be brief' }]);
  const directive = effort.map((each) => ({ role: 'system', content: [], output_config: { effort: each } }));
  const reminder = fc.record({
    role: fc.constant('system'),
    content: words,
    output_config: rarely(fc.record({ effort })),
    clear_at: rarely(fc.constant('never')),
  });
  const call = { type: 'tool_use', id: 't', name: 'Bash', input: {} };
  const result = { type: 'tool_result', tool_use_id: 't', content: 'x' };
  const text = { type: 'text', text: 'so' };
  const exchange = fc
    .tuple(
      fc.constantFrom(
        { content: [text], reply: text },
        { content: [{ type: 'thinking', thinking: '', signature: 's' }, call], reply: result },
        { content: [call], reply: result },
      ),
      rarely(reminder),
    )
    .map(([{ content, reply }, after]) =>
      present<Body>([{ role: 'assistant', content }, { role: 'user', content: [reply] }, after]),
    );
  const messages = fc
    .tuple(
      rarely(directive),
      rarely(reminder),
      fc.array(exchange, { maxLength: 3 }),
      rarely(fc.constant({ role: 'assistant', content: '{' })),
      rarely(directive),
    )
    .map(([before, after, exchanges, begun, last]) =>
      present<Body>([before, { role: 'user', content: 'hi' }, after, ...exchanges.flat(), begun, last]),
    );
  const thinking = fc.oneof(
    fc.constantFrom<Body>({ type: 'adaptive' }, { type: 'disabled' }, { type: 'between_tools' }),
    fc.integer({ min: 1024, max: 70_000 }).map((budget_tokens) => ({ type: 'enabled', budget_tokens })),
  );
  const budget = fc.constant({ type: 'tokens', total: 64_000 });
  const edit = fc.constantFrom('clear_thinking_20251015', 'clear_tool_uses_20250919', 'compact_20260112');
  const request = fc.record({
    max_tokens: fc.constantFrom(1_000, 4_096, 32_000, 64_000, 128_000),
    messages,
    thinking: fc.option(thinking, { freq: 2, nil: undefined }),
    output_config: fc.option(fc.record({ effort, task_budget: rarely(budget) }), { freq: 2, nil: undefined }),
    context_management: rarely(
      fc.uniqueArray(edit, { minLength: 1 }).map((types) => ({ edits: types.map((type) => ({ type })) })),
    ),
    tool_choice: rarely(fc.constantFrom({ type: 'auto' }, { type: 'any' }, { type: 'tool', name: 'Bash' })),
    speed: rarely(fc.constantFrom('fast', 'standard')),
    temperature: rarely(fc.constantFrom(0, 1)),
    top_k: rarely(fc.constant(5)),
    fallbacks: rarely(fc.constantFrom<unknown>('default', [{ model: 'claude-opus-4-8' }])),
  });
  const limit = rarely(fc.constantFrom(1_000, 4_096, 20_000));

  test('that its own model takes is taken fitted by every cheaper one that is not passed over', () => {
    const counts = { asked: 0, fitted: 0 };
    fc.assert(
      fc.property(fc.constantFrom(...STRICT_MODELS), request, limit, (asked, members, lowered) => {
        const maxTokens = lowered ?? null;
        const body: Body = JSON.parse(JSON.stringify({ model: asked, ...members }));
        if (refusalOf(body, asked)) return;
        counts.asked += 1;
        expect(refusalOf(sentTo(asked, body, maxTokens), asked)).toBeNull();
        const inspected = inspect(encode(JSON.stringify(body)), new Headers(), 'key');
        if (!inspected.ok) throw new Error(inspected.error.message);
        for (const id of cheaperThan(asked)) {
          if (cannotServe(model(id), inspected.value.facts, 1_000, AT)) continue;
          expect([id, refusalOf(sentTo(id, body, maxTokens), id)]).toEqual([id, null]);
          counts.fitted += 1;
        }
      }),
      { numRuns: 2_000 },
    );
    expect(counts.asked).toBeGreaterThan(100);
    expect(counts.fitted).toBeGreaterThan(500);
  });
});
