import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chatCompletion } from '../../../../worker/providers/dialects/openai/completion.ts';
import type { Asked } from '../../../../worker/providers/dialects/openai/request.ts';
import { translateStream } from '../../../../worker/providers/dialects/openai/stream.ts';
import { ASKED, bodyOf, OPUS } from './chat.ts';

interface AnswerBlock {
  type: string;
  text?: string;
  thinking?: string;
  id?: string;
  name?: string;
  input?: unknown;
}

interface Answer {
  blocks: AnswerBlock[];
  stopReason: string;
}

const encoder = new TextEncoder();

function event(type: string, data: object = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}

function delta(index: number, change: object): string {
  return event('content_block_delta', { index, delta: change });
}

/** An answer as the API streams it, its texts in pieces of `size` characters. */
function streamed({ blocks, stopReason }: Answer, size: number): string {
  const usage = { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 1 };
  return [
    event('message_start', { message: { id: 'msg_1', model: OPUS, usage } }),
    event('ping'),
    ...blocks.map((block, index) => {
      const start = {
        ...block,
        ...('text' in block ? { text: '' } : {}),
        ...('input' in block ? { input: {} } : {}),
      };
      return [
        event('content_block_start', { index, content_block: start }),
        ...deltas(block, index, size),
        event('content_block_stop', { index }),
      ].join('');
    }),
    event('message_delta', { delta: { stop_reason: stopReason }, usage: { output_tokens: 9 } }),
    event('message_stop'),
  ].join('');
}

function deltas(block: AnswerBlock, index: number, size: number): string[] {
  if (block.type === 'text')
    return pieces(block.text ?? '', size).map((text) => delta(index, { type: 'text_delta', text }));
  if (block.type === 'thinking') return [delta(index, { type: 'thinking_delta', thinking: block.thinking })];
  // A call without arguments streams none.
  const input = JSON.stringify(block.input) === '{}' ? '' : JSON.stringify(block.input);
  return ['', ...pieces(input, size)].map((partial_json) =>
    delta(index, { type: 'input_json_delta', partial_json }),
  );
}

function pieces(text: string, size: number): string[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
    text.slice(at * size, (at + 1) * size),
  );
}

/** Bytes as a stream that is cut at these places. */
function source(bytes: Uint8Array, cuts: readonly number[] = []): ReadableStream<Uint8Array> {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  const chunks = places.slice(1).map((end, at) => bytes.slice(places[at], end));
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
  });
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

function chunksOf(text: string): Record<string, unknown>[] {
  const data = text.split('\n\n').filter((each) => each.startsWith('data: ') && each !== 'data: [DONE]');
  return data.map((each) => JSON.parse(each.slice('data: '.length)));
}

interface Delta {
  content?: string;
  tool_calls?: { index: number; id?: string; function: { name?: string; arguments: string } }[];
}

/** The message that a client puts together out of a stream. */
function gathered(text: string): { content: string; calls: object[]; finish: unknown; usage: unknown } {
  let content = '';
  let finish: unknown = null;
  let usage: unknown = null;
  const calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] = [];
  for (const chunk of chunksOf(text)) {
    usage = chunk.usage ?? usage;
    const [choice] = chunk.choices as { delta: Delta; finish_reason: unknown }[];
    content += choice?.delta.content ?? '';
    finish = choice?.finish_reason ?? finish;
    for (const { index, id, function: called } of choice?.delta.tool_calls ?? []) {
      calls[index] ??= {
        id: id ?? '',
        type: 'function',
        function: { name: called.name ?? '', arguments: '' },
      };
      calls[index].function.arguments += called.arguments;
    }
  }
  return { content, calls, finish, usage };
}

const anyText = fc.string({ unit: 'binary', maxLength: 40 });
const anyBlock: fc.Arbitrary<AnswerBlock> = fc.oneof(
  anyText.map((text) => ({ type: 'text', text })),
  anyText.map((thinking) => ({ type: 'thinking', thinking })),
  fc.record({
    type: fc.constant('tool_use'),
    id: fc.uuid().map((id) => `toolu_${id}`),
    name: fc.constantFrom('ls', 'cat'),
    input: fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
  }),
);
const anyAnswer: fc.Arbitrary<Answer> = fc.record({
  blocks: fc.array(anyBlock, { maxLength: 5 }),
  stopReason: fc.constantFrom('end_turn', 'tool_use', 'max_tokens'),
});

/** What of an answer goes there and back: the thinking stays behind, texts are one. */
function lasting({ blocks }: Answer): object[] {
  const text = blocks.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join('');
  const calls = blocks.filter(({ type }) => type === 'tool_use');
  const jsonOnly = JSON.parse(JSON.stringify(calls));
  return [...(text === '' ? [] : [{ type: 'text', text }]), ...jsonOnly];
}

function nextRequest(message: unknown): unknown {
  const messages = [{ role: 'user', content: 'hi' }, message, { role: 'user', content: 'go on' }];
  const [, assistant] = bodyOf({ messages, cache_control: null }).messages as {
    role: string;
    content: object[];
  }[];
  return assistant?.role === 'assistant' ? assistant.content : [];
}

describe('any answer survives the way to a client and back', () => {
  test('in one piece', () => {
    fc.assert(
      fc.property(anyAnswer, (answer) => {
        const message = { id: 'msg_1', model: OPUS, content: answer.blocks, stop_reason: answer.stopReason };
        const completion = chatCompletion(message, ASKED, 0);
        const [choice] = completion?.choices as { message: unknown }[];
        expect(nextRequest(choice?.message)).toEqual(lasting(answer));
      }),
    );
  });

  test('streamed, wherever the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyAnswer,
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        async (answer, size, cuts) => {
          const bytes = encoder.encode(streamed(answer, size));
          const asked: Asked = { ...ASKED, includeUsage: true };
          const text = await textOf(translateStream(source(bytes, cuts), asked, () => 0));
          const { content, calls, finish, usage } = gathered(text);
          const message = { role: 'assistant', content, ...(calls.length > 0 ? { tool_calls: calls } : {}) };
          expect(nextRequest(message)).toEqual(lasting(answer));
          expect(text.endsWith('\n\ndata: [DONE]\n\n')).toBe(true);
          expect(finish).toBe(
            { end_turn: 'stop', tool_use: 'tool_calls', max_tokens: 'length' }[answer.stopReason],
          );
          expect(usage).toMatchObject({ prompt_tokens: 15, completion_tokens: 9, total_tokens: 24 });
        },
      ),
    );
  });
});

const HELLO: Answer = { blocks: [{ type: 'text', text: 'hello' }], stopReason: 'end_turn' };

describe('a stream', () => {
  test('is in OpenAI’s order: the role, the text, the end', async () => {
    const text = await textOf(
      translateStream(source(encoder.encode(streamed(HELLO, 3))), ASKED, () => 7_900),
    );
    const frame = { id: 'msg_1', object: 'chat.completion.chunk', created: 7, model: OPUS };
    const chunk = (delta: object, finish_reason: string | null = null): object => ({
      ...frame,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    });
    expect(chunksOf(text)).toEqual([
      chunk({ role: 'assistant', content: '', refusal: null }),
      chunk({ content: 'hel' }),
      chunk({ content: 'lo' }),
      chunk({}, 'stop'),
    ]);
    expect(text).toContain('\n\n: ping\n\n');
  });

  test('with usage has it last, without choices, and null before', async () => {
    const asked = { ...ASKED, includeUsage: true };
    const chunks = chunksOf(
      await textOf(translateStream(source(encoder.encode(streamed(HELLO, 3))), asked, () => 0)),
    );
    expect(chunks.slice(0, -1).map(({ usage }) => usage)).toEqual([null, null, null, null]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 24 } });
  });

  test('of functions has the call in pieces', async () => {
    const answer = {
      blocks: [{ type: 'tool_use', id: 'a', name: 'ls', input: { at: 1 } }],
      stopReason: 'tool_use',
    };
    const asked = { ...ASKED, areFunctions: true };
    const chunks = chunksOf(
      await textOf(translateStream(source(encoder.encode(streamed(answer, 4))), asked, () => 0)),
    );
    const deltas = chunks.map(({ choices }) => (choices as { delta: object }[])[0]?.delta);
    expect(deltas.slice(1, 4)).toEqual([
      { function_call: { name: 'ls', arguments: '' } },
      { function_call: { arguments: '{"at' } },
      { function_call: { arguments: '":1}' } },
    ]);
  });

  test('that ends before its end tells of an error and breaks', async () => {
    const half = streamed(HELLO, 3).split('event: message_delta')[0];
    const reader = translateStream(source(encoder.encode(half)), ASKED, () => 0).getReader();
    let last = '';
    const readOn = async (): Promise<never> => {
      for (;;) last = new TextDecoder().decode((await reader.read()).value);
    };
    await expect(readOn()).rejects.toThrow('ended before its end');
    expect(JSON.parse(last.replace('data: ', ''))).toMatchObject({ error: { type: 'server_error' } });
  });

  test('that is no event stream breaks, and lets go of its source', async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const bytes = encoder.encode('event: content_block_delta\ndata: {"ty\n\n');
    const stuck = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytes),
      cancel: resolve,
    });
    await expect(textOf(translateStream(stuck, ASKED, () => 0))).rejects.toThrow('no JSON object');
    expect(await promise).toBeInstanceOf(SyntaxError);
  });

  test('with an error says it once and ends there', async () => {
    const error = { type: 'overloaded_error', message: 'Overloaded' };
    const bytes = encoder.encode(
      event('message_start', { message: {} }) + event('error', { error }) + event('ping'),
    );
    const text = await textOf(translateStream(source(bytes), ASKED, () => 0));
    expect(chunksOf(text).at(-1)).toEqual({
      error: {
        message: 'Overloaded',
        type: 'service_unavailable_error',
        param: null,
        code: 'server_is_overloaded',
      },
    });
    expect(text.endsWith('}}\n\n')).toBe(true);
  });

  test('reads no further than its client does, and cancels when it leaves', async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    let reads = 0;
    const endless = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          reads += 1;
          controller.enqueue(encoder.encode(delta(0, { type: 'text_delta', text: 'x' })));
        },
        cancel: resolve,
      },
      { highWaterMark: 0 },
    );
    const reader = translateStream(endless, ASKED, () => 0).getReader();
    await reader.read();
    await reader.read();
    expect(reads).toBe(2);
    await reader.cancel('left');
    expect(await promise).toBe('left');
  });

  test('of silent thinking shows that somebody is there', async () => {
    let nowMs = 0;
    const thinking = encoder.encode(delta(0, { type: 'thinking_delta', thinking: 'hm' }));
    const long = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          nowMs += 1_000;
          controller.enqueue(thinking);
        },
      },
      { highWaterMark: 0 },
    );
    const reader = translateStream(long, ASKED, () => nowMs).getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(': ping\n\n');
    expect(nowMs).toBe(5_000);
    await reader.cancel();
  });
});
