import { describe, expect, test } from 'vitest';
import { readSettings } from '../../scripts/local/settings.ts';

const BEDROCK = { id: 'eu', kind: 'bedrock', region: 'eu-central-1', secret: 'AWS_KEYS' };
const AWS_KEYS = 'AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

function read(env: Record<string, string | undefined>) {
  return readSettings({ PATH: '/bin', OTHER_SECRET: 'x', ...env });
}

describe('what npm start reads of providers', () => {
  test('is nothing where nothing is set', () => {
    expect(read({})).toMatchObject({ value: { upstream: { provider: 'simulator' }, providing: {} } });
  });

  test('is the list with the secrets it names, and no other', () => {
    const PROVIDERS = JSON.stringify([BEDROCK, { id: 'main', kind: 'anthropic' }]);
    const MODEL_ALIASES = '{"opus": "claude-opus-5-5"}';
    const env = { PROVIDERS, MODEL_ALIASES, AWS_KEYS, ANTHROPIC_API_KEY: 'sk-ant-1', FAILOVER: ' ' };
    expect(read(env)).toMatchObject({
      ok: true,
      value: { upstream: { provider: 'listed', ids: ['eu', 'main'], asksModels: false } },
    });
    const found = read(env);
    expect(found.ok && found.value.providing).toEqual({
      PROVIDERS,
      MODEL_ALIASES,
      AWS_KEYS,
      ANTHROPIC_API_KEY: 'sk-ant-1',
    });
  });

  test('needs no key of Anthropic’s for Bedrock alone', () => {
    const found = read({ PROVIDERS: JSON.stringify([BEDROCK]), AWS_KEYS });
    expect(found.ok && Object.keys(found.value.providing)).toEqual(['PROVIDERS', 'AWS_KEYS']);
  });

  test.each([
    [{ PROVIDERS: '[]' }, 'PROVIDERS: expected at least one provider'],
    [
      { PROVIDERS: JSON.stringify([BEDROCK]) },
      'PROVIDERS[0].secret: expected a secret AWS_KEYS, and there is none',
    ],
    [{ MODEL_ALIASES: '[]' }, 'MODEL_ALIASES: expected a JSON object'],
    [{ FAILOVER: '{"attempts": 0}' }, 'FAILOVER.attempts: expected a whole number'],
  ])('is refused by its field: %j', (env, error) => {
    const found = read(env);
    expect(found.ok ? 'taken' : found.error).toContain(error);
  });
});
