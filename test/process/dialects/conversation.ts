/**
 * One conversation in the terms of both APIs, written out twice by hand, and what a model says in it: text with an
 * image and a system prompt, two calls in parallel with their results, and an answer that its limit cuts.
 */
import type Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import type { Said } from '../../providers/bedrock/fake-bedrock.ts';

/** A turn as each API has it. `simulated` is what the built-in simulator says to it, which plays no script. */
export interface Turn {
  messages: Omit<Anthropic.MessageCreateParamsNonStreaming, 'model'>;
  chat: Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, 'model'>;
  said: Said;
  simulated: Pick<Said, 'content' | 'stop_reason'>;
}

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+M8AAQUBAScY42YAAAAASUVORK5CYII=';
/** Asks for a title as JSON: what the simulator says then does not depend on how the body was written. */
const SYSTEM = 'Answer with a title of the conversation, as JSON.';
const QUESTION = 'What is in this picture?';
/** The simulator makes the calls that a prompt spells out, one at a time. */
const ERRAND = 'How is the weather in Paris and in Rome?\n[tool:get_weather {"city": "Paris"}]';
const SCHEMA = {
  type: 'object' as const,
  properties: { city: { type: 'string' }, unit: { type: 'string' } },
  required: ['city'],
};
const CALLS = [
  { id: 'toolu_01', name: 'get_weather', input: { city: 'Paris' }, result: '12 °C, “light” rain' },
  { id: 'toolu_02', name: 'get_weather', input: { city: 'Rome', unit: 'celsius' }, result: '19 °C' },
];

/** Cached by both lifetimes, read and thought about: a figure that is lost changes the money. */
const USAGE = {
  input_tokens: 1_000,
  cache_creation_input_tokens: 300,
  cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 100 },
  cache_read_input_tokens: 3_000,
  output_tokens: 80,
  output_tokens_details: { thinking_tokens: 30 },
};

/** What a client is told of the usage, in words that are neither API's. */
export interface Counted {
  prompt: number;
  read: number;
  written: number;
  output: number;
  thought: number;
}

export const SCRIPT_COUNTS: Counted = { prompt: 4_300, read: 3_000, written: 300, output: 80, thought: 30 };
/** USAGE on Opus 5.5, nano-USD: $4 a million in, $5 and $8 written for 5 minutes and an hour, $0.20 read, $20 out. */
export const SCRIPT_NANO_USD = 1_000 * 4_000 + 200 * 5_000 + 100 * 8_000 + 3_000 * 200 + 80 * 20_000;

/** Told to the simulator, which would count the prompt, and every dialect's is written differently. */
export const SIMULATE = 'pace=0; input_tokens=1000; output_tokens=80';
export const SIMULATED_COUNTS: Counted = { prompt: 1_000, read: 0, written: 0, output: 80, thought: 0 };
export const SIMULATED_NANO_USD = 1_000 * 4_000 + 80 * 20_000;

const THINKING = { type: 'thinking', thinking: 'A single pixel, grey.', signature: 'c2lnbmVk' };
const SEEN = 'A grey pixel: “\u{1F9EA}”.';
const LOOKING = 'Let me look.';

const tools = [{ name: 'get_weather', description: 'The weather in a city', input_schema: SCHEMA }];
const functions = [
  {
    type: 'function' as const,
    function: { name: 'get_weather', description: 'The weather in a city', parameters: SCHEMA },
  },
];

const picture = {
  messages: [
    {
      role: 'user' as const,
      content: [
        { type: 'text' as const, text: QUESTION },
        {
          type: 'image' as const,
          source: { type: 'base64' as const, media_type: 'image/png' as const, data: PNG },
        },
      ],
    },
  ],
  chat: [
    { role: 'system' as const, content: SYSTEM },
    {
      role: 'user' as const,
      content: [
        { type: 'text' as const, text: QUESTION },
        { type: 'image_url' as const, image_url: { url: `data:image/png;base64,${PNG}` } },
      ],
    },
  ],
};

const errand = {
  messages: [
    ...picture.messages,
    { role: 'assistant' as const, content: SEEN },
    { role: 'user' as const, content: ERRAND },
  ],
  chat: [
    ...picture.chat,
    { role: 'assistant' as const, content: SEEN },
    { role: 'user' as const, content: ERRAND },
  ],
};

const results = {
  messages: [
    ...errand.messages,
    {
      role: 'assistant' as const,
      content: [
        { type: 'text' as const, text: LOOKING },
        ...CALLS.map(({ id, name, input }) => ({ type: 'tool_use' as const, id, name, input })),
      ],
    },
    {
      role: 'user' as const,
      content: CALLS.map(({ id, result }) => ({
        type: 'tool_result' as const,
        tool_use_id: id,
        content: result,
      })),
    },
  ],
  chat: [
    ...errand.chat,
    {
      role: 'assistant' as const,
      content: LOOKING,
      tool_calls: CALLS.map(({ id, name, input }) => ({
        id,
        type: 'function' as const,
        function: { name, arguments: JSON.stringify(input) },
      })),
    },
    ...CALLS.map(({ id, result }) => ({ role: 'tool' as const, tool_call_id: id, content: result })),
  ],
};

export const CONVERSATION: readonly [Turn, Turn, Turn] = [
  {
    messages: { max_tokens: 1_000, system: SYSTEM, messages: picture.messages },
    chat: { max_completion_tokens: 1_000, messages: picture.chat },
    said: { content: [THINKING, { type: 'text', text: SEEN }], stop_reason: 'end_turn', usage: USAGE },
    simulated: {
      content: [{ type: 'text', text: '{"title":"Simulated session"}' }],
      stop_reason: 'end_turn',
    },
  },
  {
    messages: { max_tokens: 1_000, system: SYSTEM, tools, messages: errand.messages },
    chat: { max_completion_tokens: 1_000, tools: functions, messages: errand.chat },
    said: {
      content: [
        { type: 'text', text: LOOKING },
        ...CALLS.map(({ id, name, input }) => ({ type: 'tool_use', id, name, input })),
      ],
      stop_reason: 'tool_use',
      usage: USAGE,
    },
    simulated: {
      content: [{ type: 'tool_use', name: 'get_weather', input: { city: 'Paris' } }],
      stop_reason: 'tool_use',
    },
  },
  {
    messages: { max_tokens: 4, system: SYSTEM, tools, messages: results.messages },
    chat: { max_completion_tokens: 4, tools: functions, messages: results.chat },
    said: {
      content: [{ type: 'text', text: 'Rain in Paris, and in R' }],
      stop_reason: 'max_tokens',
      usage: USAGE,
    },
    simulated: { content: [{ type: 'text', text: 'This is the ' }], stop_reason: 'max_tokens' },
  },
];

/** What the script has a model say: by how long the conversation is by then. */
export function saidTo(body: Record<string, unknown>): Said {
  const length = Array.isArray(body.messages) ? body.messages.length : 0;
  const turn = CONVERSATION.find(({ messages }) => messages.messages.length === length);
  return (turn ?? CONVERSATION[0]).said;
}
