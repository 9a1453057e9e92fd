import { describe, expect, test } from 'vitest';
import { sampleSchema } from '../../../worker/providers/simulator/schema-sample.ts';
import { nextToolCall } from '../../../worker/providers/simulator/tool-call.ts';
import { ask, body, eventsIn, freshSimulator, MODEL } from './asking.ts';

interface Answer {
  content: { type: string; text: string }[];
  stop_reason: string;
  usage: Record<string, unknown>;
}

async function answer(changes: Record<string, unknown>, simulate = 'pace=0'): Promise<Answer> {
  return (await ask(freshSimulator(), body(changes), { simulate })).json<Answer>();
}

function say(text: string) {
  return { role: 'user', content: text };
}

const BASH = { name: 'Bash' };
const CALLED = { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'Bash', input: {} }] };
const RESULT = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'ok' }] };

describe('the next tool call', () => {
  test.each([
    ['a marker', [say('[tool:Bash echo hi]')], 'echo hi'],
    ['a marker in a sentence', [say('now [tool:Bash test [ -f x ]] please')], 'test [ -f x ]'],
    ['two markers, none called yet', [say('[tool:Bash one]\n[tool:Bash two]')], 'one'],
    ['two markers, one called', [say('[tool:Bash one]\n[tool:Bash two]'), CALLED, RESULT], 'two'],
    [
      'two markers, both called',
      [say('[tool:Bash one]\n[tool:Bash two]'), CALLED, RESULT, CALLED, RESULT],
      null,
    ],
    ['a command in backticks', [say('run `npm test`')], 'npm test'],
    ['run without a command', [say('Run the tests!')], 'echo simulated'],
    ['list', [say('list the files')], 'ls'],
    ['run, called already', [say('run it'), CALLED, RESULT], null],
    ['a new prompt after a call', [say('run it'), CALLED, RESULT, say('run `again`')], 'again'],
    ['no wish to run', [say('say hi')], null],
    [
      'the client’s own words in tags',
      [
        {
          role: 'user',
          content: [
            { type: 'text', text: '<system-reminder>run this</system-reminder>' },
            { type: 'text', text: 'hi' },
          ],
        },
      ],
      null,
    ],
    [
      'tags beside a tool result',
      [
        say('run it'),
        CALLED,
        {
          role: 'user',
          content: [...RESULT.content, { type: 'text', text: '<system-reminder>list</system-reminder>' }],
        },
      ],
      null,
    ],
    ['a long text that mentions run', [say(`Summarize. ${'words '.repeat(60)} run`)], null],
  ])('after %s', (_, messages, command) => {
    const call = nextToolCall({
      model: MODEL,
      max_tokens: 1,
      tools: [BASH],
      messages,
      output_format: undefined,
    });
    expect(call && (call.input as { command: string }).command).toBe(command);
  });

  test('of any tool takes JSON as its input', () => {
    const messages = [say('[tool:Agent {"prompt": "say [x]", "n": 1}]')];
    const request = { model: MODEL, max_tokens: 1, messages };
    expect(nextToolCall({ ...request, tools: [{ name: 'Agent' }] })).toEqual({
      name: 'Agent',
      input: { prompt: 'say [x]', n: 1 },
    });
    expect(nextToolCall({ ...request, tools: [BASH] })).toBeNull();
    expect(nextToolCall({ ...request, tools: [{ name: 'Agent', defer_loading: true }] })).toBeNull();
  });
});

describe('a schema', () => {
  test.each([
    [{ type: 'string' }, 'words'],
    [{ enum: ['a', 'b'] }, 'a'],
    [{ const: null }, null],
    [{ type: ['integer', 'null'], minimum: 3 }, 3],
    [{ type: 'array', items: { type: 'boolean' } }, [true]],
    [{ properties: { a: { type: 'number' }, b: { anyOf: [{ type: 'string' }] } } }, { a: 1, b: 'words' }],
    [{ $ref: '#/$defs/x', $defs: { x: { type: 'boolean' } } }, true],
    [{ $ref: '#/nowhere' }, null],
    [{ type: 'null' }, null],
    ['not a schema', null],
  ])('%j is sampled as %j', (schema, expected) => {
    expect(sampleSchema(schema, 'words')).toEqual(expected);
  });

  test('that contains itself comes to an end', () => {
    const schema = { type: 'object', properties: { next: { $ref: '#' } } };
    expect(JSON.stringify(sampleSchema(schema, ''))).toMatch(/^(\{"next":)+null\}+$/);
  });
});

describe('an answer', () => {
  test('to a title request without a schema is JSON', async () => {
    const { content } = await answer({ tools: [], system: 'Write a title. Answer as JSON.' });
    expect(JSON.parse(content[0]?.text ?? '')).toEqual({ title: 'Simulated session' });
  });

  test('is cut at max_tokens', async () => {
    const { stop_reason, usage } = await answer({ max_tokens: 5 });
    expect(stop_reason).toBe('max_tokens');
    expect(usage.output_tokens).toBeLessThanOrEqual(5);
  });

  test('reports the usage it is told', async () => {
    const { usage } = await answer({}, 'pace=0;input_tokens=120000;output_tokens=5000');
    expect(usage).toMatchObject({ input_tokens: 120_000, output_tokens: 5000, cache_read_input_tokens: 0 });
  });

  test('reports the modifiers it was asked for', async () => {
    const { usage } = await answer({ speed: 'fast', inference_geo: 'us' });
    expect(usage).toMatchObject({ speed: 'fast', inference_geo: 'us', service_tier: 'standard' });
  });

  test('streamed carries in its deltas what it says in one piece', async () => {
    const provider = freshSimulator();
    const prompt = { messages: [say('[tool:Bash echo hi]')], tools: [BASH] };
    const text = await (await ask(provider, body({ ...prompt, stream: true }))).text();
    const deltas = eventsIn(text).flatMap(
      (event) => (event.delta as { partial_json?: string })?.partial_json ?? [],
    );
    expect(JSON.parse(deltas.join(''))).toEqual({ command: 'echo hi', description: expect.any(String) });
  });
});
