import { afterEach, describe, expect, test, vi } from 'vitest';
import { type ProviderSettings, readProviders } from '../../durable-objects/core/provider-settings.ts';
import { createAnthropicProvider } from '../../worker/providers/anthropic.ts';
import type { ProviderRequest } from '../../worker/providers/provider.ts';
import { bytes } from './recorded.ts';

const options = settings('https://upstream.example/base', 'sk-secret-of-the-organisation');

function settings(url: string, apiKey: string): ProviderSettings {
  const read = readProviders(
    { PROVIDER: 'anthropic', ANTHROPIC_UPSTREAM_URL: url, ANTHROPIC_API_KEY: apiKey },
    new Map(),
  );
  if (!read.ok) throw new Error(read.error);
  return read.value[0];
}

function request(changes: Partial<ProviderRequest> = {}): ProviderRequest {
  return {
    path: '/v1/messages?beta=true',
    method: 'POST',
    model: 'x',
    headers: new Headers({ 'anthropic-version': '2023-06-01', 'anthropic-beta': 'a,b' }),
    body: bytes('{"model" : "x"}'),
    signal: new AbortController().signal,
    ...changes,
  };
}

function spyOnFetch(answer = new Response('{}')) {
  return vi.spyOn(globalThis, 'fetch').mockImplementation(async () => answer);
}

async function sent(changes: Partial<ProviderRequest> = {}): Promise<Request> {
  const spy = spyOnFetch();
  await (await createAnthropicProvider(options)).send(request(changes));
  const [url, init] = spy.mock.calls[0] ?? [];
  return new Request(url ?? '', init);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the Anthropic provider', () => {
  test('names its credential by a fingerprint that reveals nothing', async () => {
    const { name, credentialId } = await createAnthropicProvider(options);
    expect(name).toBe('anthropic');
    // printf %s "$key" | sha256sum
    expect(credentialId).toBe('anthropic-21f1e074');
    const other = await createAnthropicProvider(settings('https://upstream.example', 'sk-another'));
    expect(other.credentialId).not.toBe(credentialId);
  });

  test('sends path, query and the very bytes of the body', async () => {
    const seen = await sent();
    expect([seen.method, seen.url]).toEqual(['POST', 'https://upstream.example/base/v1/messages?beta=true']);
    expect(await seen.text()).toBe('{"model" : "x"}');
  });

  test('adds its own credential and leaves the other headers', async () => {
    const { headers } = await sent();
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-api-key': 'sk-secret-of-the-organisation',
      'accept-encoding': 'identity',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'a,b',
    });
  });

  test("never sends a caller's credential, whatever it was given", async () => {
    const { headers } = await sent({
      headers: new Headers({ authorization: 'Bearer bk_demo', 'x-api-key': 'bk_demo' }),
    });
    expect(headers.get('authorization')).toBeNull();
    expect(headers.get('x-api-key')).toBe('sk-secret-of-the-organisation');
  });

  test("does not change the caller's headers", async () => {
    const headers = new Headers();
    await sent({ headers });
    expect([...headers]).toEqual([]);
  });

  test('follows no redirect and can be aborted', async () => {
    const spy = spyOnFetch();
    const { signal } = new AbortController();
    await (await createAnthropicProvider(options)).send(request({ signal, method: 'GET', body: null }));
    expect(spy.mock.calls[0]?.[1]).toMatchObject({ redirect: 'manual', signal, method: 'GET', body: null });
  });

  test('gives the answer back as it came', async () => {
    const answer = new Response('{"type":"error"}', { status: 529 });
    spyOnFetch(answer);
    expect(await (await createAnthropicProvider(options)).send(request())).toBe(answer);
  });

  test('knows the models that it names by ids of its own, whose answers do too', async () => {
    const list = [{ id: 'proxy', kind: 'anthropic', model_ids: { 'claude-opus-5-5': 'our-opus' } }];
    const read = readProviders({ PROVIDERS: JSON.stringify(list), ANTHROPIC_API_KEY: 'sk-x' }, new Map());
    if (!read.ok) throw new Error(read.error);
    const meter = (await createAnthropicProvider(read.value[0])).meter('application/json');
    const tokens = { input_tokens: 10, output_tokens: 5 };
    const usage = { ...tokens, iterations: [{ type: 'message', model: 'our-opus', ...tokens }] };
    meter.push(bytes(JSON.stringify({ model: 'our-opus', usage, content: [] })), 0);
    meter.end(0);
    const model = 'claude-opus-5-5';
    expect(meter.read(0).usage).toMatchObject({ model, iterations: [{ model }] });
  });

  test('carries its key nowhere but to its upstream', async () => {
    const spy = spyOnFetch();
    const provider = await createAnthropicProvider(settings('https://upstream.example', 'sk-secret'));
    await expect(provider.send(request({ path: '.evil.example/v1/messages' }))).rejects.toThrow(RangeError);
    expect(spy).not.toHaveBeenCalled();
  });
});
