/** The clients that companies have, each as it comes, behind one way to have them say a turn. */
import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';
import Anthropic from '@anthropic-ai/sdk';
import {
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  type ResponseStream,
} from '@aws-sdk/client-bedrock-runtime';
import OpenAI from 'openai';
import type { Counted, Turn } from './conversation.ts';

export interface Heard {
  text: string;
  calls: { name: string; input: unknown }[];
  /** In the dialect's own word. */
  stop: string | null;
  counted: Counted;
}

export interface Speaker {
  /** The head of every answer so far, one a request. */
  heads: { status: number; headers: Headers }[];
  say(turn: Turn, isStream: boolean): Promise<Heard>;
  /** Null where the dialect has no such thing. */
  count: ((turn: Turn) => Promise<number>) | null;
}

export interface At {
  url: string;
  key: string;
  /** The session by Claude Code's own header, and what else goes with every request. */
  headers?: Record<string, string>;
  model?: string;
}

export type Speak = (at: At) => Speaker;

/** How often a client may try again, after the first time. */
const RETRIES = 1;
const MODEL = 'claude-opus-5-5';
const BEDROCK_MODEL = 'us.anthropic.claude-opus-5-5';

type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

function noting(heads: Speaker['heads']): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    heads.push({ status: response.status, headers: response.headers });
    return response;
  };
}

/** `@anthropic-ai/sdk`: the Messages API itself. */
export const speakMessages: Speak = ({ url, key, headers, model = MODEL }) => {
  const heads: Speaker['heads'] = [];
  const client = new Anthropic({
    apiKey: key,
    authToken: null,
    baseURL: url,
    maxRetries: RETRIES,
    defaultHeaders: headers ?? {},
    fetch: noting(heads),
  });
  return {
    heads,
    say: async ({ messages }, isStream) => {
      const body = { ...messages, model };
      if (!isStream) return heardMessage(await client.messages.create(body));
      return heardMessage(await client.messages.stream(body).finalMessage());
    },
    count: async ({ messages: { max_tokens: _, ...prompt } }) =>
      (await client.messages.countTokens({ ...prompt, model } as Anthropic.MessageCountTokensParams))
        .input_tokens,
  };
};

/** `openai`: chat completions. */
export const speakChat: Speak = ({ url, key, headers, model = MODEL }) => {
  const heads: Speaker['heads'] = [];
  const client = new OpenAI({
    apiKey: key,
    baseURL: `${url}/v1`,
    maxRetries: RETRIES,
    defaultHeaders: headers ?? {},
    fetch: noting(heads),
  });
  return {
    heads,
    say: async ({ chat }, isStream) => {
      const body = { ...chat, model };
      if (!isStream) return heardChat(await client.chat.completions.create(body));
      const streamed = { ...body, stream: true as const, stream_options: { include_usage: true } };
      return heardChat(await client.chat.completions.stream(streamed).finalChatCompletion());
    },
    count: null,
  };
};

/** `@anthropic-ai/bedrock-sdk`: Bedrock's runtime, by Anthropic. It counts no tokens. */
export const speakAnthropicBedrock: Speak = ({ url, key, headers, model = BEDROCK_MODEL }) => {
  const heads: Speaker['heads'] = [];
  const client = new AnthropicBedrock({
    baseURL: url,
    apiKey: key,
    maxRetries: RETRIES,
    defaultHeaders: headers ?? {},
    fetch: noting(heads),
  });
  return {
    heads,
    say: async ({ messages }, isStream) => {
      const body = { ...messages, model };
      if (!isStream) return heardMessage(await client.messages.create(body));
      return heardMessage(await client.messages.stream(body).finalMessage());
    },
    count: null,
  };
};

/** AWS's client itself. */
export function awsClient({ url, key, headers }: At): {
  client: BedrockRuntimeClient;
  heads: Speaker['heads'];
} {
  const heads: Speaker['heads'] = [];
  const client = new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: url,
    token: { token: key },
    authSchemePreference: ['httpBearerAuth'],
    maxAttempts: 1 + RETRIES,
    requestHandler: overHttp1(noting(heads), headers ?? {}),
  });
  return { client, heads };
}

/** `@aws-sdk/client-bedrock-runtime`: Bedrock's runtime, by AWS. */
export const speakAws: Speak = (at) => {
  const { model = BEDROCK_MODEL } = at;
  const { client, heads } = awsClient(at);
  const bodyOf = ({ messages }: Turn): string =>
    JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', ...messages });
  return {
    heads,
    say: async (turn, isStream) => {
      const asked = { modelId: model, body: bodyOf(turn) };
      if (!isStream) {
        const { body } = await client.send(new InvokeModelCommand(asked));
        return heardMessage(JSON.parse(body.transformToString()));
      }
      const { body } = await client.send(new InvokeModelWithResponseStreamCommand(asked));
      if (!body) throw new Error('a stream without a body');
      return heardMessage(await gathered(body));
    },
    count: async (turn) => {
      const body = new TextEncoder().encode(bodyOf(turn));
      const command = new CountTokensCommand({ modelId: model, input: { invokeModel: { body } } });
      return (await client.send(command)).inputTokens ?? Number.NaN;
    },
  };
};

export const SPEAKERS = {
  '@anthropic-ai/sdk': speakMessages,
  openai: speakChat,
  '@anthropic-ai/bedrock-sdk': speakAnthropicBedrock,
  '@aws-sdk/client-bedrock-runtime': speakAws,
} as const;
export type SpeakerName = keyof typeof SPEAKERS;
export const SPEAKER_NAMES = Object.keys(SPEAKERS) as SpeakerName[];

/** As much of the SDK's own request as is sent. */
interface AwsRequest {
  protocol: string;
  hostname: string;
  port: number;
  /** With what is asked for encoded. */
  path: string;
  method: string;
  headers: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
}

/** HTTP/1.1, which is what a gateway without TLS speaks; the SDK's own handler begins with HTTP/2. */
function overHttp1(
  fetching: Fetch,
  added: Record<string, string>,
): NonNullable<BedrockRuntimeClientConfig['requestHandler']> {
  return {
    handle: async ({ protocol, hostname, port, path, method, headers, body = '' }: AwsRequest) => {
      const address = `${protocol}//${hostname}:${port}${path}`;
      const response = await fetching(address, { method, headers: { ...headers, ...added }, body });
      const answered = { statusCode: response.status, headers: Object.fromEntries(response.headers) };
      return { response: { ...answered, body: response.body } };
    },
  };
}

type Message = Pick<Anthropic.Message, 'content' | 'stop_reason' | 'usage'>;

function heardMessage({ content, stop_reason: stop, usage }: Message): Heard {
  const { input_tokens: input, output_tokens: output, output_tokens_details: details } = usage;
  const read = usage.cache_read_input_tokens ?? 0;
  const written = usage.cache_creation_input_tokens ?? 0;
  return {
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    calls: content.flatMap((block) =>
      block.type === 'tool_use' ? [{ name: block.name, input: block.input }] : [],
    ),
    stop,
    counted: {
      prompt: input + read + written,
      read,
      written,
      output,
      thought: details?.thinking_tokens ?? 0,
    },
  };
}

function heardChat({ choices: [choice], usage }: OpenAI.ChatCompletion): Heard {
  const calls = (choice?.message.tool_calls ?? []).flatMap((call) =>
    call.type === 'function'
      ? [{ name: call.function.name, input: JSON.parse(call.function.arguments) }]
      : [],
  );
  const { prompt_tokens_details: prompt, completion_tokens_details: completion } = usage ?? {};
  return {
    text: choice?.message.content ?? '',
    calls,
    stop: choice?.finish_reason ?? null,
    counted: {
      prompt: usage?.prompt_tokens ?? Number.NaN,
      read: prompt?.cached_tokens ?? Number.NaN,
      written: prompt?.cache_write_tokens ?? Number.NaN,
      output: usage?.completion_tokens ?? Number.NaN,
      thought: completion?.reasoning_tokens ?? Number.NaN,
    },
  };
}

/** AWS's client leaves the events to its user. */
async function gathered(frames: AsyncIterable<ResponseStream>): Promise<Message> {
  const blocks: Record<string, unknown>[] = [];
  const inputs: string[] = [];
  let message: Record<string, unknown> = {};
  for await (const { chunk } of frames) {
    const event = JSON.parse(new TextDecoder().decode(chunk?.bytes));
    const { type, index, delta } = event;
    if (type === 'message_start') message = event.message;
    else if (type === 'content_block_start') blocks[index] = { ...event.content_block };
    else if (type === 'content_block_delta') {
      const block = blocks[index] ?? {};
      if (delta.type === 'text_delta') block.text = `${block.text}${delta.text}`;
      if (delta.type === 'input_json_delta') inputs[index] = `${inputs[index] ?? ''}${delta.partial_json}`;
    } else if (type === 'content_block_stop' && inputs[index]) {
      blocks[index] = { ...blocks[index], input: JSON.parse(inputs[index]) };
    } else if (type === 'message_delta') {
      message = { ...message, ...delta, usage: { ...(message.usage as object), ...event.usage } };
    }
  }
  return { ...message, content: blocks } as unknown as Message;
}
