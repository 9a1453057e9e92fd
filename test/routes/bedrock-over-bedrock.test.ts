/** The same call in Bedrock's terms, whoever serves it: the same text and the same charge. */
import { describe, expect, test } from 'vitest';
import type { Env } from '../../worker/bindings.ts';
import { BEDROCK_SECRETS, entry, type Kind } from '../providers/bedrock/bedrock-scene.ts';
import { COUNTED_TOKENS, type FakeBedrock, fakeBedrock, SAID } from '../providers/bedrock/fake-bedrock.ts';
import { type Gateway, gateway, USAGE_NANO_USD } from '../turn/gateway.ts';
import { eventsOf, invoke, PROMPT, VERSION } from './bedrock-calls.ts';

const KINDS: Kind[] = ['bedrock', 'bedrock-mantle'];

async function scene(kind: Kind): Promise<Gateway & { fake: FakeBedrock }> {
  const fake = fakeBedrock();
  const PROVIDERS = JSON.stringify([entry(kind, { price_multiplier: '1' })]);
  const overrides = { ...BEDROCK_SECRETS, PROVIDERS } as Partial<Env>;
  const opened = await gateway(
    null,
    ({ url, method, headers, body }) => fake(new Request(url, { method, headers, body })),
    overrides,
  );
  return { ...opened, fake };
}

describe.each(KINDS)('by way of %s', (kind) => {
  test('an answer in one piece and a stream cost what they do natively, and say the same', async () => {
    const bursar = await scene(kind);
    const body = { ...VERSION, anthropic_beta: ['tool-search-tool-2025-10-19'], ...PROMPT };
    const whole = await invoke(bursar, 'invoke', body);
    expect(await whole.json()).toMatchObject({ content: SAID.content });
    expect(whole.headers.get('x-bursar-provider')).toBe(kind);
    const streamed = await invoke(bursar, 'invoke-with-response-stream', body);
    const events = await eventsOf(streamed);
    expect(events.filter(({ exception }) => exception !== undefined)).toEqual([]);
    const stop = events.at(-1) ?? {};
    expect(Object.keys(stop)).toEqual(['type', 'amazon-bedrock-invocationMetrics']);
    expect(stop.type).toBe('message_stop');
    expect(bursar.fake.refused).toEqual([]);
    const charges = (await bursar.entries()).map((each) => each.charged_nano_usd);
    expect(charges).toEqual([USAGE_NANO_USD, USAGE_NANO_USD]);
  });

  test('tokens are counted', async () => {
    const bursar = await scene(kind);
    const body = btoa(JSON.stringify({ ...VERSION, ...PROMPT }));
    const response = await invoke(bursar, 'count-tokens', { input: { invokeModel: { body } } });
    expect(await response.json()).toEqual({ inputTokens: COUNTED_TOKENS });
  });
});
