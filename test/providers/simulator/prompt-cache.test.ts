import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Provider } from '../../../worker/providers/provider.ts';
import type { Boundary } from '../../../worker/providers/simulator/prompt.ts';
import { createPromptCache, type PromptCache } from '../../../worker/providers/simulator/prompt-cache.ts';
import { ask, body, freshSimulator } from './asking.ts';

const MINUTE = 60_000;

/** Blocks of 1,000 tokens by name; "name!" has a 5-minute breakpoint, "name!!" one of an hour. */
function prompt(row: string) {
  let path = '';
  const boundaries = row.split(' ').map((word, index): Boundary => {
    path += word.replaceAll('!', '');
    const ttl = word.endsWith('!!') ? '1h' : word.endsWith('!') ? '5m' : null;
    const prefix = [...path].reduce((hash, letter) => hash * 31 + letter.charCodeAt(0), 7);
    return { prefix, endTokens: (index + 1) * 1000, ttl };
  });
  return { boundaries, tokens: boundaries.length * 1000 };
}

describe('the prompt cache', () => {
  let cache: PromptCache;
  beforeEach(() => {
    cache = createPromptCache();
  });

  const use = (row: string, atMs: number, minCacheable = 1000) => {
    const { readTokens, write5mTokens, write1hTokens } = cache.use(prompt(row), minCacheable, atMs);
    return [readTokens, write5mTokens, write1hTokens];
  };

  test.each<[string, [row: string, atMinute: number, read: number, write5m: number, write1h: number][]]>([
    [
      'without breakpoints does nothing',
      [
        ['a b', 0, 0, 0, 0],
        ['a b', 1, 0, 0, 0],
      ],
    ],
    [
      'reads what it wrote',
      [
        ['a b!', 0, 0, 2000, 0],
        ['a b!', 1, 2000, 0, 0],
      ],
    ],
    [
      'writes only what is new',
      [
        ['a b!', 0, 0, 2000, 0],
        ['a b c d!', 1, 2000, 2000, 0],
      ],
    ],
    [
      'splits writes by TTL',
      [
        ['a!! b c!', 0, 0, 2000, 1000],
        ['a!! b c!', 1, 3000, 0, 0],
      ],
    ],
    [
      'forgets after its TTL',
      [
        ['a!', 0, 0, 1000, 0],
        ['a!', 5, 0, 1000, 0],
      ],
    ],
    [
      'keeps an hour what was asked for an hour',
      [
        ['a!!', 0, 0, 0, 1000],
        ['a!!', 59, 1000, 0, 0],
      ],
    ],
    [
      'is refreshed by use',
      [
        ['a!', 0, 0, 1000, 0],
        ['a!', 4, 1000, 0, 0],
        ['a!', 8, 1000, 0, 0],
      ],
    ],
    [
      'is refreshed in the shorter prefixes too',
      [
        ['a! b!', 0, 0, 2000, 0],
        ['a! b!', 4, 2000, 0, 0],
        ['a! x!', 8, 1000, 1000, 0],
      ],
    ],
    [
      'reads the part that is the same',
      [
        ['a! b!', 0, 0, 2000, 0],
        ['a! x!', 1, 1000, 1000, 0],
      ],
    ],
    [
      'is missed when the start changes',
      [
        ['a b!', 0, 0, 2000, 0],
        ['x b!', 1, 0, 2000, 0],
      ],
    ],
    [
      'an expired hour is not a longer life',
      [
        ['a!!', 0, 0, 0, 1000],
        ['a!', 61, 0, 1000, 0],
        ['a!', 67, 0, 1000, 0],
      ],
    ],
    [
      'is found by a breakpoint up to 20 blocks later',
      [
        ['a!', 0, 0, 1000, 0],
        [`a ${'x '.repeat(19)}y!`, 1, 1000, 20_000, 0],
      ],
    ],
    [
      'is not found from further away',
      [
        ['a!', 0, 0, 1000, 0],
        [`a ${'x '.repeat(20)}y!`, 1, 0, 22_000, 0],
      ],
    ],
    [
      'is not found before any breakpoint’s reach',
      [
        ['a! b', 0, 0, 1000, 0],
        ['a b', 1, 0, 0, 0],
      ],
    ],
  ])('%s', (_, turns) => {
    for (const [row, atMinute, ...expected] of turns) expect(use(row, atMinute * MINUTE)).toEqual(expected);
  });

  test('takes no prefix below the minimum', () => {
    expect(use('a! b!', 0, 1500)).toEqual([0, 2000, 0]);
    expect(use('a!', 1, 1500)).toEqual([0, 0, 0]);
  });

  test('forgets the least recently used when it is full', () => {
    cache = createPromptCache(2);
    for (const row of ['a!', 'b!', 'a!', 'c!']) use(row, 0);
    expect(use('a!', 1)).toEqual([1000, 0, 0]);
    expect(use('b!', 1)).toEqual([0, 1000, 0]);
  });
});

describe('the simulator’s cache', () => {
  const long = (word: string) => `${word} `.repeat(2000);
  const marked = (text: string, ttl?: string) => ({
    type: 'text',
    text,
    cache_control: { type: 'ephemeral', ...(ttl ? { ttl } : {}) },
  });

  async function usage(provider: Provider, changes: Record<string, unknown>) {
    const response = await ask(provider, body(changes));
    return (await response.json<{ usage: Record<string, number> }>()).usage;
  }

  test('follows a conversation whose last breakpoint moves on', async () => {
    const provider = freshSimulator();
    const system = [marked(long('system'), '1h')];
    const first = await usage(provider, {
      system,
      messages: [{ role: 'user', content: [marked(long('question'))] }],
    });
    const history = [
      { role: 'user', content: long('question') },
      { role: 'assistant', content: [{ type: 'text', text: 'answer' }] },
    ];
    const second = await usage(provider, {
      system,
      messages: [...history, { role: 'user', content: [marked('go on')] }],
    });
    expect(first.cache_read_input_tokens).toBe(0);
    expect(first.cache_creation).toEqual({
      ephemeral_1h_input_tokens: expect.any(Number),
      ephemeral_5m_input_tokens: expect.any(Number),
    });
    expect(second.cache_read_input_tokens).toBe(first.cache_creation_input_tokens);
    expect(second.cache_creation_input_tokens).toBeLessThan(50);
  });

  test('is cold for another model and for a changed tool', async () => {
    const provider = freshSimulator();
    const turn = { system: [marked(long('system'))], tools: [{ name: 'A' }] };
    await usage(provider, turn);
    expect((await usage(provider, turn)).cache_read_input_tokens).toBeGreaterThan(0);
    expect((await usage(provider, { ...turn, model: 'claude-opus-5-5' })).cache_read_input_tokens).toBe(0);
    expect((await usage(provider, { ...turn, tools: [{ name: 'B' }] })).cache_read_input_tokens).toBe(0);
  });

  test('expires by the clock', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const provider = freshSimulator();
    const turn = { system: [marked(long('system'))] };
    await usage(provider, turn);
    vi.setSystemTime(Date.now() + 6 * MINUTE);
    expect((await usage(provider, turn)).cache_read_input_tokens).toBe(0);
    vi.useRealTimers();
  });

  test('takes a marker on the request for one on its last block', async () => {
    const turn = {
      messages: [{ role: 'user', content: long('question') }],
      cache_control: { type: 'ephemeral' },
    };
    expect((await usage(freshSimulator(), turn)).cache_creation_input_tokens).toBeGreaterThan(1000);
  });
});
