/** Policy documents that parse, drawn at random, close enough to each other that differences are small and large. */
import fc from 'fast-check';

const MODELS = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'];
const IDS = ['team-day', 'team-month', 'dev-day', 'opus-day', 'a', 'b'];

const usd = fc.integer({ min: 0, max: 500_000 }).map((cents) => (cents / 100).toFixed(2));

const stages = fc
  .tuple(
    fc.subarray(['alert', 'downgrade', 'pause']),
    fc.constantFrom(['0.5', '0.8', '1.1'], ['0.80', '0.95', '1']),
  )
  .map(([actions, at]) => actions.map((action, index) => ({ at: at[index] ?? '2', do: action })));

const overrides = fc.dictionary(fc.constantFrom('a@x.com', 'b/c@x.com', 'd~e@x.com', 'Ü@x.com'), usd);

const budget = (id: string) =>
  fc.record(
    {
      id: fc.constant(id),
      scope: fc.constant('developer'),
      window: fc.constantFrom('day', 'week', 'month'),
      limit_usd: usd,
      line: fc.constantFrom('opus', 'haiku'),
      overrides,
      stages,
      admission: fc.constantFrom('expected', 'guaranteed'),
      clamp_max_tokens: fc.boolean(),
    },
    { requiredKeys: ['id', 'scope', 'window', 'limit_usd'] },
  );

const route = (id: string) =>
  fc.record({
    id: fc.constant(id),
    when: fc.record(
      {
        input_tokens_below: fc.integer({ min: 1, max: 9 }),
        kinds: fc.subarray(['main', 'auxiliary'], { minLength: 1 }),
        hours: fc.constant({ from: '09:00', to: '17:00' }),
        tags: fc.constant({ team: 'a' }),
      },
      { requiredKeys: [] },
    ),
    use: fc.constantFrom(...MODELS),
  });

const shuffled = <Item>(ids: string[], item: (id: string) => fc.Arbitrary<Item>): fc.Arbitrary<Item[]> =>
  fc.shuffledSubarray(ids).chain((some) => fc.tuple(...some.map(item)).map((each) => [...each]));

const figures = fc
  .record(
    {
      requests_per_minute: fc.integer({ min: 1, max: 9 }),
      tokens_per_minute: fc.integer({ min: 1, max: 9 }),
      concurrent_turns: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: [] },
  )
  .filter((given) => Object.keys(given).length > 0);

const rateLimits = fc
  .shuffledSubarray(['cost_center', 'developer', 'key'])
  .chain((scopes) =>
    fc
      .tuple(
        ...scopes.map((scope) =>
          scope === 'developer'
            ? fc.record({ figures, overrides: fc.dictionary(fc.constantFrom('a@x.com', 'Ü@x.com'), figures) })
            : fc.record({ figures }),
        ),
      )
      .map((each) =>
        each.map(({ figures: own, ...more }, index) => ({ scope: scopes[index], ...own, ...more })),
      ),
  );

/** A document that `parsePolicy` takes. */
export const policyDocument: fc.Arbitrary<object> = fc
  .record(
    {
      timezone: fc.constantFrom('UTC', 'Europe/Berlin'),
      budgets: shuffled(IDS, budget),
      stages,
      cascade: fc.subarray(MODELS, { minLength: 1 }),
      routes: shuffled(['r1', 'r2', 'r3'], route),
      admission: fc.constantFrom('expected', 'guaranteed'),
      clamp_max_tokens: fc.boolean(),
      allowed_models: fc.constant(null),
      limits: rateLimits,
      allowed_providers: fc.constantFrom(null, ['anthropic'], ['anthropic', 'bedrock-eu']),
      when_exhausted: fc.constantFrom('fail', 'step_down'),
    },
    { requiredKeys: ['budgets'] },
  )
  // As it would come over the wire.
  .map((document) => JSON.parse(JSON.stringify(document)));
