import { describe, expect, test } from 'vitest';
import { readFailover } from '../../durable-objects/core/failover-settings.ts';
import { readModelAliases } from '../../durable-objects/core/model-aliases.ts';
import { type ProviderSettings, readProviders } from '../../durable-objects/core/provider-settings.ts';

const AWS_SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const SECRETS = {
  ANTHROPIC_API_KEY: 'sk-ant-main',
  ANTHROPIC_KEY_2: ' sk-ant-second\n',
  AWS_KEYS: `AKIAIOSFODNN7EXAMPLE:${AWS_SECRET}`,
  AWS_TEMPORARY: `ASIAIOSFODNN7EXAMPLE:${AWS_SECRET}:IQoJb3JpZ2luX2VjEXAMPLETOKEN==`,
  BEDROCK_API_KEY: 'ABSKQmVkcm9ja0FQSUtleQ==',
  BROKEN: 'AKIAIOSFODNN7EXAMPLE:short',
  EMPTY: ' ',
};

const aliases = new Map([['best', 'claude-opus-5-5']]);

function read(list: unknown) {
  const text = typeof list === 'string' ? list : JSON.stringify(list);
  return readProviders({ ...SECRETS, PROVIDERS: text }, aliases);
}

function settings(list: unknown): readonly ProviderSettings[] {
  const found = read(list);
  if (!found.ok) throw new Error(found.error);
  return found.value;
}

const BEDROCK = { id: 'eu', kind: 'bedrock', region: 'eu-central-1', secret: 'AWS_KEYS' };

describe('the providers of a deployment', () => {
  test('are read with all there is to say of them', () => {
    const [first, second] = settings([
      { id: 'main', kind: 'anthropic' },
      {
        ...BEDROCK,
        profile: 'eu',
        weight: 0,
        url: 'https://proxy.example/bedrock/',
        model_ids: { best: 'arn:aws:bedrock:eu-central-1:1:application-inference-profile/x' },
        only_models: ['best', 'eu.anthropic.claude-haiku-4-5-20251001-v1:0'],
        cost_centers: ['squad-a'],
        price_multiplier: '0.955',
      },
    ]);
    expect(first).toEqual({
      id: 'main',
      kind: 'anthropic',
      weight: 1,
      url: 'https://api.anthropic.com',
      region: null,
      profile: null,
      credential: { kind: 'api_key', apiKey: 'sk-ant-main' },
      modelIds: new Map(),
      onlyModels: null,
      costCenters: null,
      priceMillionths: 1_000_000,
    });
    expect(second).toEqual({
      id: 'eu',
      kind: 'bedrock',
      weight: 0,
      url: 'https://proxy.example/bedrock',
      region: 'eu-central-1',
      profile: 'eu',
      credential: {
        kind: 'sigv4',
        accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        secretAccessKey: AWS_SECRET,
        sessionToken: null,
      },
      modelIds: new Map([
        ['claude-opus-5-5', 'arn:aws:bedrock:eu-central-1:1:application-inference-profile/x'],
      ]),
      onlyModels: ['claude-opus-5-5', 'claude-haiku-4-5-20251001'],
      costCenters: ['squad-a'],
      priceMillionths: 955_000,
    });
  });

  test('have the addresses and prices of their kind', () => {
    const mantle = { ...BEDROCK, kind: 'bedrock-mantle', id: 'mantle', secret: 'BEDROCK_API_KEY' };
    const found = settings([
      { ...BEDROCK, profile: 'global' },
      { ...BEDROCK, id: 'bare', secret: 'AWS_TEMPORARY' },
      mantle,
      { id: 'made-up', kind: 'simulator' },
    ]);
    expect(found.map(({ url, priceMillionths }) => [url, priceMillionths])).toEqual([
      ['https://bedrock-runtime.eu-central-1.amazonaws.com', 1_000_000],
      ['https://bedrock-runtime.eu-central-1.amazonaws.com', 1_100_000],
      ['https://bedrock-mantle.eu-central-1.api.aws', 1_100_000],
      [null, 1_000_000],
    ]);
    expect(found.map(({ credential }) => credential)).toMatchObject([
      { kind: 'sigv4', sessionToken: null },
      { kind: 'sigv4', sessionToken: 'IQoJb3JpZ2luX2VjEXAMPLETOKEN==' },
      { kind: 'api_key', apiKey: 'ABSKQmVkcm9ja0FQSUtleQ==' },
      null,
    ]);
  });

  test('may share a kind, each with a secret of its own', () => {
    const found = settings([
      { id: 'one', kind: 'anthropic' },
      { id: 'two', kind: 'anthropic', secret: 'ANTHROPIC_KEY_2', url: 'http://127.0.0.1:9911' },
    ]);
    expect(found[1]).toMatchObject({ credential: { apiKey: 'sk-ant-second' }, url: 'http://127.0.0.1:9911' });
  });

  test('are one where there is no list', () => {
    expect(readProviders({ PROVIDER: 'simulator', PROVIDERS: ' ' }, aliases)).toMatchObject({
      value: [{ id: 'simulator', kind: 'simulator' }],
    });
    expect(readProviders({ PROVIDER: 'anthropic' }, aliases)).toEqual({
      ok: false,
      error: 'ANTHROPIC_API_KEY: expected a secret, because PROVIDER is "anthropic"',
    });
  });
});

const A = { id: 'a', kind: 'anthropic' };

describe('what is wrong in PROVIDERS is named by its field', () => {
  test.each<[what: string, list: unknown, error: string]>([
    ['no JSON', '[', 'PROVIDERS: expected a JSON list'],
    ['no list', {}, 'PROVIDERS: expected a JSON list'],
    ['an empty list', [], 'PROVIDERS: expected at least one provider'],
    ['too long a list', Array(51).fill(A), 'PROVIDERS: expected at most 50 providers'],
    ['an entry that is none', [null], 'PROVIDERS[0]: '],
    ['no id', [{ kind: 'anthropic' }], 'PROVIDERS[0].id: '],
    [
      'an id of other letters',
      [{ ...A, id: 'Main' }],
      'PROVIDERS[0].id: expected 1 to 63 of a-z, 0-9 and "-"',
    ],
    ['an id twice', [A, A], 'PROVIDERS[1].id: "a" is there twice'],
    ['no kind', [{ id: 'a' }], 'PROVIDERS[0].kind: expected one of anthropic, bedrock,'],
    ['an unknown kind', [{ ...A, kind: 'vertex' }], 'PROVIDERS[0].kind: expected one of'],
    ['an unknown field', [{ ...A, wieght: 1 }], 'PROVIDERS[0]: Unrecognized key: "wieght"'],
    ['a negative weight', [{ ...A, weight: -1 }], 'PROVIDERS[0].weight: '],
    ['a weight that is no number', [{ ...A, weight: '1' }], 'PROVIDERS[0].weight: '],
    [
      'an address that is none',
      [{ ...A, url: 'api' }],
      'PROVIDERS[0].url: expected an http or https address',
    ],
    [
      'an address with a user',
      [{ ...A, url: 'https://u:p@x.example' }],
      'PROVIDERS[0].url: expected an address',
    ],
    [
      'an address with a query',
      [{ ...A, url: 'https://x.example?a=1' }],
      'PROVIDERS[0].url: expected an address',
    ],
    ['no region', [{ ...BEDROCK, region: undefined }], 'PROVIDERS[0].region: expected a region, because'],
    [
      'a region that is none',
      [{ ...BEDROCK, region: 'Frankfurt' }],
      'PROVIDERS[0].region: expected a region such',
    ],
    ['a region at Anthropic', [{ ...A, region: 'eu-central-1' }], 'PROVIDERS[0].region: a provider of kind'],
    ['an unknown profile', [{ ...BEDROCK, profile: 'mars' }], 'PROVIDERS[0].profile: expected one of us, eu'],
    [
      'a profile at the Messages endpoint',
      [{ ...BEDROCK, kind: 'bedrock-mantle', profile: 'eu' }],
      'PROVIDERS[0].profile: a provider of kind "bedrock-mantle" has none',
    ],
    [
      'no secret',
      [{ ...BEDROCK, secret: undefined }],
      'PROVIDERS[0].secret: expected the name of the secret',
    ],
    [
      'a secret in its place',
      [{ ...A, secret: 'sk-ant-1' }],
      'PROVIDERS[0].secret: expected the name of a secret',
    ],
    [
      'a secret that is not set',
      [{ ...A, secret: 'NOWHERE' }],
      'PROVIDERS[0].secret: expected a secret NOWHERE, and',
    ],
    [
      'an empty secret',
      [{ ...A, secret: 'EMPTY' }],
      'PROVIDERS[0].secret: expected a secret EMPTY, and there is none',
    ],
    [
      'half of AWS keys',
      [{ ...BEDROCK, secret: 'BROKEN' }],
      'PROVIDERS[0].secret: expected a secret BROKEN, and its',
    ],
    [
      'AWS keys at Anthropic',
      [{ ...A, secret: 'AWS_KEYS' }],
      'PROVIDERS[0].secret: expected a secret AWS_KEYS, and its',
    ],
    [
      'a secret of the simulator',
      [{ id: 's', kind: 'simulator', secret: 'X' }],
      'PROVIDERS[0].secret: a provider',
    ],
    ['model ids that are none', [{ ...A, model_ids: ['x'] }], 'PROVIDERS[0].model_ids: '],
    [
      'an empty model id',
      [{ ...A, model_ids: { 'claude-opus-5-5': '' } }],
      'PROVIDERS[0].model_ids.claude-opus-5-5: ',
    ],
    [
      'a model by two names',
      [{ ...A, model_ids: { best: 'x', 'claude-opus-5-5': 'y' } }],
      'PROVIDERS[0].model_ids.claude-opus-5-5: claude-opus-5-5 is there twice',
    ],
    [
      'an id of two models',
      [
        { ...A, model_ids: { best: 'x' } },
        { ...A, id: 'b', model_ids: { 'claude-opus-5': 'x' } },
      ],
      'PROVIDERS[1].model_ids.claude-opus-5: its id already stands for claude-opus-5-5',
    ],
    ['no model at all', [{ ...A, only_models: [] }], 'PROVIDERS[0].only_models: '],
    [
      'a model that Bedrock has not',
      [{ ...BEDROCK, only_models: ['best', 'claude-opus-55'] }],
      'PROVIDERS[0].only_models[1]: expected a model that "bedrock" has',
    ],
    [
      'a model that the Messages endpoint has not',
      [{ ...BEDROCK, kind: 'bedrock-mantle', only_models: ['claude-sonnet-4-6'] }],
      'PROVIDERS[0].only_models[0]: expected a model that "bedrock-mantle" has',
    ],
    [
      'a cost center that is none',
      [{ ...A, cost_centers: ['A b'] }],
      'PROVIDERS[0].cost_centers[0]: expected the id',
    ],
    [
      'a multiplier of zero',
      [{ ...A, price_multiplier: '0' }],
      'PROVIDERS[0].price_multiplier: expected a decimal',
    ],
    ['a multiplier as a number', [{ ...A, price_multiplier: 1.1 }], 'PROVIDERS[0].price_multiplier: '],
    [
      'a multiplier too high',
      [{ ...A, price_multiplier: '10.1' }],
      'PROVIDERS[0].price_multiplier: expected',
    ],
  ])('%s', (_, list, error) => {
    const found = read(list);
    expect(found.ok ? 'taken' : found.error).toContain(error);
  });

  test('all at once, and never a value', () => {
    const found = read([
      { ...BEDROCK, secret: 'BROKEN' },
      { ...A, secret: 'AWS_KEYS' },
      { ...A, id: 'b', secret: 'NOWHERE' },
    ]);
    if (found.ok) throw new Error('taken');
    expect(found.error.split('; ').map((line) => line.slice(0, 19))).toEqual([
      'PROVIDERS[0].secret',
      'PROVIDERS[1].secret',
      'PROVIDERS[2].secret',
    ]);
    expect(found.error).not.toMatch(/AKIA|wJalr|short/);
  });
});

describe('what is wrong in MODEL_ALIASES is named by its field', () => {
  test.each([
    ['no JSON', '{', 'MODEL_ALIASES: expected a JSON object such as'],
    ['a list', '[]', 'MODEL_ALIASES: expected a JSON object such as'],
    ['a model that is none', '{"opus": 5}', 'MODEL_ALIASES.opus: expected the name of a model'],
    ['an empty model', '{"opus": ""}', 'MODEL_ALIASES.opus: expected the name of a model'],
  ])('%s', (_, text, error) => {
    const found = readModelAliases(text);
    expect(found.ok ? 'taken' : found.error).toContain(error);
  });

  test('nothing is no alias', () => {
    expect(readModelAliases(undefined)).toEqual({ ok: true, value: new Map() });
    expect(readModelAliases(' ')).toEqual({ ok: true, value: new Map() });
  });
});

describe('the failover', () => {
  test('has defaults, each of which may be set', () => {
    const usual = { attempts: 3, firstByteMs: 60_000, totalMs: 120_000 };
    expect(readFailover(undefined)).toEqual({ ok: true, value: usual });
    expect(readFailover('{}')).toEqual({ ok: true, value: usual });
    expect(readFailover('{"attempts": 1, "first_byte_ms": 100, "total_ms": 600000}')).toEqual({
      ok: true,
      value: { attempts: 1, firstByteMs: 100, totalMs: 600_000 },
    });
  });

  test.each([
    ['no JSON', 'attempts=3', 'FAILOVER: expected a JSON object'],
    ['a list', '[]', 'FAILOVER: expected a JSON object'],
    ['no attempt', '{"attempts": 0}', 'FAILOVER.attempts: expected a whole number from 1 to 10'],
    ['half an attempt', '{"attempts": 1.5}', 'FAILOVER.attempts: expected a whole number from 1 to 10'],
    ['a time as text', '{"total_ms": "1s"}', 'FAILOVER.total_ms: expected a whole number from 100 to 600000'],
    ['an unknown field', '{"retries": 3}', 'FAILOVER: Unrecognized key: "retries"'],
  ])('is refused with %s, by its field', (_, text, error) => {
    const found = readFailover(text);
    expect(found.ok ? 'taken' : found.error).toContain(error);
  });
});
