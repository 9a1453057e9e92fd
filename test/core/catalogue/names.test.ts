import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { modelNamed, PROFILES } from '../../../durable-objects/core/catalogue/names.ts';
import { readModelAliases, withOwnIds } from '../../../durable-objects/core/model-aliases.ts';
import { bedrockId, foundationId } from '../../../worker/providers/bedrock/ids.ts';

const NONE = new Map<string, string>();

function named(name: string, aliases: ReadonlyMap<string, string> = NONE): string {
  return modelNamed(name, aliases, builtinCatalogue);
}

const APPLICATION = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3d4e5f6';

describe('a model is understood by', () => {
  test.each([
    ['its own name', 'claude-opus-5-5', 'claude-opus-5-5'],
    ['an alias of its own, as it is written', 'claude-haiku-4-5', 'claude-haiku-4-5'],
    ["Bedrock's id", 'anthropic.claude-opus-5-5', 'claude-opus-5-5'],
    ['an inference profile', 'us.anthropic.claude-opus-4-6-v1', 'claude-opus-4-6'],
    ['the worldwide profile', 'global.anthropic.claude-opus-4-5-20251101-v1:0', 'claude-opus-4-5-20251101'],
    [
      "a government's profile",
      'us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0',
      'claude-sonnet-4-5-20250929',
    ],
    ['the id of the Messages endpoint', 'anthropic.claude-haiku-4-5', 'claude-haiku-4-5-20251001'],
    ['an id with its window', 'anthropic.claude-3-5-haiku-20241022-v1:0:200k', 'claude-3-5-haiku-20241022'],
    [
      'the ARN of a foundation model',
      'arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-6',
      'claude-sonnet-4-6',
    ],
    [
      'the ARN of a system inference profile',
      'arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.anthropic.claude-opus-4-6-v1',
      'claude-opus-4-6',
    ],
    ["Vertex's name with a date", 'claude-opus-4-5@20251101', 'claude-opus-4-5-20251101'],
    ["Vertex's default version", 'claude-opus-4-6@default', 'claude-opus-4-6'],
    [
      "Vertex's resource",
      'projects/p/locations/global/publishers/anthropic/models/claude-sonnet-5-5',
      'claude-sonnet-5-5',
    ],
  ])('%s', (_, name, model) => {
    expect(named(name)).toBe(model);
  });

  test.each([
    'claude-opus-5-7',
    'eu.claude-opus-5-5',
    'xx.anthropic.claude-opus-5-5',
    'anthropic.claude-opus-9',
    'arn:aws:s3:::bucket/anthropic.claude-opus-5-5',
    APPLICATION,
    'claude-opus-5-5@latest-but-one',
    'gpt-6',
  ])('its own name where nothing is known of it: %s', (name) => {
    expect(named(name)).toBe(name);
  });

  test('what the deployment calls it, however that looks', () => {
    const aliases = readModelAliases(
      JSON.stringify({ [APPLICATION]: 'eu.anthropic.claude-opus-5-5', opus: 'claude-opus-5-5' }),
    );
    if (!aliases.ok) throw new Error(aliases.error);
    expect(named(APPLICATION, aliases.value)).toBe('claude-opus-5-5');
    expect(named('opus', aliases.value)).toBe('claude-opus-5-5');
  });

  test("a provider's own id for it, unless that is another model's name", () => {
    const modelIds = new Map([
      ['claude-opus-5-5', APPLICATION],
      ['claude-opus-5', 'claude-sonnet-5'],
    ]);
    const aliases = withOwnIds(new Map([['opus', 'claude-opus-5']]), [{ modelIds }]);
    expect(named(APPLICATION, aliases)).toBe('claude-opus-5-5');
    expect(named('claude-sonnet-5', aliases)).toBe('claude-sonnet-5');
    expect(named('opus', aliases)).toBe('claude-opus-5');
  });
});

test('every id that a Bedrock provider asks by is understood as its model again', () => {
  const settings = fc.record({
    kind: fc.constantFrom('bedrock' as const, 'bedrock-mantle' as const),
    profile: fc.constantFrom(null, ...PROFILES),
    modelIds: fc.constantFrom(NONE, new Map([['claude-opus-5-5', APPLICATION]])),
  });
  const model = fc.constantFrom(...builtinCatalogue.models);
  fc.assert(
    fc.property(settings, model, fc.boolean(), (written, { id, aliases }, byAlias) => {
      const provider = { ...written, onlyModels: null };
      const asked = byAlias ? (aliases[0] ?? id) : id;
      const own = withOwnIds(NONE, [provider]);
      for (const sent of [bedrockId(provider, asked), foundationId(provider, asked)]) {
        if (sent !== null) expect(named(sent, own)).toBe(id);
      }
    }),
    { numRuns: 300 },
  );
});

test('what is older than 4.5 is at other terms on Bedrock, and not served unless it is mapped', () => {
  const provider = { kind: 'bedrock' as const, profile: null, modelIds: NONE, onlyModels: null };
  const served = builtinCatalogue.models.filter(({ id }) => bedrockId(provider, id) !== null);
  expect(builtinCatalogue.models.filter((model) => !served.includes(model)).map(({ id }) => id)).toEqual([
    'claude-opus-4-1-20250805',
    'claude-opus-4-20250514',
    'claude-sonnet-4-20250514',
    'claude-3-5-haiku-20241022',
  ]);
  const mapped = { ...provider, modelIds: new Map([['claude-sonnet-4-20250514', APPLICATION]]) };
  expect(bedrockId(mapped, 'claude-sonnet-4-0')).toBe(APPLICATION);
});

test('the Messages endpoint has Haiku 4.5, Opus 4.7 and what came after', () => {
  const provider = { kind: 'bedrock-mantle' as const, profile: null, modelIds: NONE, onlyModels: null };
  const ids = builtinCatalogue.models.map(({ id }) => bedrockId(provider, id)).filter((id) => id !== null);
  expect(ids.sort()).toEqual(
    [
      'fable-5',
      'fable-5-1',
      'fable-5-2',
      'haiku-4-5',
      'haiku-5-5',
      'mythos-5',
      'mythos-5-1',
      'mythos-5-2',
      'opus-4-7',
      'opus-4-8',
      'opus-5',
      'opus-5-5',
      'sonnet-5',
      'sonnet-5-5',
    ].map((name) => `anthropic.claude-${name}`),
  );
});
