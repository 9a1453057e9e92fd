/** A Bedrock provider whose network is the fake. */
import { onTestFinished, vi } from 'vitest';
import { readProviders } from '../../../durable-objects/core/provider-settings.ts';
import { createBedrockProvider } from '../../../worker/providers/bedrock/bedrock.ts';
import type { Provider, ProviderRequest } from '../../../worker/providers/provider.ts';
import {
  FAKE_API_KEY,
  FAKE_KEYS,
  FAKE_REGION,
  type FakeBedrock,
  type FakeBedrockOptions,
  fakeBedrock,
} from './fake-bedrock.ts';

export type Kind = 'bedrock' | 'bedrock-mantle';

/** The secrets that the entries below name. */
export const BEDROCK_SECRETS = {
  AWS_KEYS: `${FAKE_KEYS.accessKeyId}:${FAKE_KEYS.secretAccessKey}`,
  AWS_TEMPORARY: `${FAKE_KEYS.accessKeyId}:${FAKE_KEYS.secretAccessKey}:session/token+of=the+fake0001`,
  BEDROCK_API_KEY: FAKE_API_KEY,
};

/** An entry of PROVIDERS for the fake. */
export function entry(kind: Kind, changes: object = {}): object {
  return { id: kind, kind, region: FAKE_REGION, secret: 'AWS_KEYS', ...changes };
}

export async function bedrock(
  kind: Kind,
  changes: object = {},
  options: FakeBedrockOptions = {},
): Promise<{ provider: Provider; fake: FakeBedrock }> {
  const PROVIDERS = JSON.stringify([entry(kind, changes)]);
  const read = readProviders({ ...BEDROCK_SECRETS, PROVIDERS }, new Map());
  if (!read.ok) throw new Error(read.error);
  const fake = fakeBedrock(options);
  const spy = vi
    .spyOn(globalThis, 'fetch')
    .mockImplementation(async (input, init) => fake(new Request(input as RequestInfo, init as RequestInit)));
  onTestFinished(() => spy.mockRestore());
  return { provider: await createBedrockProvider(read.value[0]), fake };
}

const encoder = new TextEncoder();

/** A request to the provider, of a turn unless told otherwise. */
export function request(body: object | string, changes: Partial<ProviderRequest> = {}): ProviderRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const { model }: { model: string } = JSON.parse(text);
  return {
    path: '/v1/messages?beta=true',
    method: 'POST',
    model,
    headers: new Headers({ 'anthropic-version': '2023-06-01' }),
    body: encoder.encode(text),
    signal: new AbortController().signal,
    ...changes,
  };
}

export function plain(changes: object = {}): object {
  return {
    model: 'claude-opus-5-5',
    messages: [{ role: 'user', content: 'say hi' }],
    max_tokens: 1_000,
    stream: true,
    ...changes,
  };
}
