/** Every dialect over every provider, spoken by clients nobody here wrote, through one running gateway. */
import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';
import { APIUserAbortError } from '@anthropic-ai/sdk';
import { CountTokensCommand } from '@aws-sdk/client-bedrock-runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CONVERSATION,
  SCRIPT_COUNTS,
  SCRIPT_NANO_USD,
  SIMULATE,
  SIMULATED_COUNTS,
  SIMULATED_NANO_USD,
  type Turn,
} from './dialects/conversation.ts';
import { begunStream, COUNTED_TOKENS, type Instead, messagesError } from './dialects/providers.ts';
import { lastProvider, lastTurn, type Scene, startScene } from './dialects/scene.ts';
import {
  awsClient,
  type Heard,
  SPEAKER_NAMES,
  SPEAKERS,
  type SpeakerName,
  speakAws,
  speakMessages,
} from './dialects/speakers.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(async () => {
  await scene?.close();
});

/** Why a message ends, in OpenAI's words; the other dialects have Anthropic's own. */
const CHAT_STOPS: Record<string, string> = { end_turn: 'stop', tool_use: 'tool_calls', max_tokens: 'length' };

/** The script as a client has to hear it: of thinking only the count. */
function expected(name: SpeakerName, { said, simulated }: Turn, isSimulated: boolean): Heard {
  const { content, stop_reason: stop } = isSimulated ? simulated : said;
  const blocks = content as { type: string; text?: string; name?: string; input?: unknown }[];
  return {
    text: blocks.map(({ text }) => text ?? '').join(''),
    calls: blocks.flatMap(({ type, name: tool = '', input }) =>
      type === 'tool_use' ? [{ name: tool, input }] : [],
    ),
    stop: name === 'openai' ? (CHAT_STOPS[stop] ?? null) : stop,
    counted: isSimulated ? SIMULATED_COUNTS : SCRIPT_COUNTS,
  };
}

describe('a conversation', () => {
  test.each([
    ['anthropic', SCRIPT_NANO_USD],
    ['bedrock', SCRIPT_NANO_USD],
    ['bedrock-dear', (SCRIPT_NANO_USD * 11) / 10],
    ['bedrock-mantle', SCRIPT_NANO_USD],
    ['simulator', SIMULATED_NANO_USD],
  ])('by way of %s is the same in every dialect, streamed or not, and costs the same', async (id, nanoUsd) => {
    const team = await scene.team({ allowed_providers: [id] });
    const turnIds: string[] = [];
    const speak = async (name: SpeakerName): Promise<void> => {
      const speaker = SPEAKERS[name]({ ...team, headers: { 'x-bursar-simulate': SIMULATE } });
      for (const turn of CONVERSATION) {
        for (const isStream of [false, true]) {
          const heard = await speaker.say(turn, isStream);
          const told = expected(name, turn, id === 'simulator');
          expect({ name, isStream, heard }).toEqual({ name, isStream, heard: told });
          expect(lastProvider(speaker)).toBe(id);
          turnIds.push(lastTurn(speaker));
        }
      }
      expect(speaker.heads).toHaveLength(2 * CONVERSATION.length);
    };
    await Promise.all(SPEAKER_NAMES.map(speak));
    const entries = await team.entriesOf(turnIds);
    expect(entries.map((each) => [each.kind, each.charged_nano_usd, each.provider_instance])).toEqual(
      turnIds.map(() => ['charge', nanoUsd, id]),
    );
    expect([...scene.anthropic.refused, ...scene.bedrock.refused]).toEqual([]);
  });

  test.each([
    'anthropic',
    'bedrock',
    'bedrock-mantle',
    'simulator',
  ])('has its tokens counted by %s where it may go to no other, alike in both dialects that count', async (id) => {
    const team = await scene.team({ allowed_providers: [id] });
    const before = [scene.anthropic.calls(), scene.bedrock.calls()];
    const counted: number[] = [];
    for (const name of SPEAKER_NAMES) {
      const { count } = SPEAKERS[name](team);
      if (count) counted.push(await count(CONVERSATION[2]));
    }
    expect(counted).toEqual(id === 'simulator' ? [counted[0], counted[0]] : [COUNTED_TOKENS, COUNTED_TOKENS]);
    const asked = [scene.anthropic.calls(), scene.bedrock.calls()].map(
      (calls, at) => calls - (before[at] ?? 0),
    );
    expect(asked).toEqual(id === 'anthropic' ? [2, 0] : id === 'simulator' ? [0, 0] : [0, 2]);
  });
});

const ON_ANTHROPIC = { allowed_providers: ['anthropic'] };
const [QUESTION, ERRAND] = CONVERSATION;

async function failureOf(call: PromiseLike<unknown>): Promise<unknown> {
  return await call.then(
    () => null,
    (error: unknown) => error,
  );
}

interface Refusal {
  what: string;
  policy: object;
  /** How the provider answers; null: as ever. */
  instead: Instead | null;
  /** How often each client asks. */
  requests: number;
  seen: Record<SpeakerName, object>;
}

const DENIED = /does not allow the model claude-opus-5-5; choose one of claude-fable-5-1/;
const REFUSALS: Refusal[] = [
  {
    what: 'a budget that is used up',
    policy: { budgets: [{ id: 'none', scope: 'cost_center', window: 'day', limit_usd: '0' }] },
    instead: null,
    requests: 1,
    seen: {
      '@anthropic-ai/sdk': {
        status: 429,
        type: 'billing_error',
        message: expect.stringMatching(/is used up/),
      },
      openai: { status: 429, code: 'insufficient_quota', message: expect.stringMatching(/is used up/) },
      '@anthropic-ai/bedrock-sdk': { status: 429, message: expect.stringMatching(/is used up/) },
      '@aws-sdk/client-bedrock-runtime': {
        name: 'ServiceQuotaExceededException',
        message: expect.stringMatching(/is used up/),
      },
    },
  },
  {
    what: 'a model that is not allowed',
    policy: { allowed_models: ['claude-fable-5-1'] },
    instead: null,
    requests: 1,
    seen: {
      '@anthropic-ai/sdk': { status: 429, type: 'billing_error', message: expect.stringMatching(DENIED) },
      openai: { status: 403, code: 'permission_denied', message: expect.stringMatching(DENIED) },
      '@anthropic-ai/bedrock-sdk': { status: 402, message: expect.stringMatching(DENIED) },
      '@aws-sdk/client-bedrock-runtime': {
        name: 'AccessDeniedException',
        message: expect.stringMatching(DENIED),
      },
    },
  },
  {
    what: 'a provider that is overloaded',
    policy: {},
    instead: () => messagesError(529, 'overloaded_error', 'Overloaded'),
    requests: 2,
    seen: {
      '@anthropic-ai/sdk': { status: 529, type: 'overloaded_error' },
      openai: { status: 503, code: 'server_is_overloaded', message: '503 Overloaded' },
      '@anthropic-ai/bedrock-sdk': { status: 529, message: '529 Overloaded' },
      '@aws-sdk/client-bedrock-runtime': { name: 'ServiceUnavailableException', message: 'Overloaded' },
    },
  },
  {
    what: 'a stream that is cut',
    policy: {},
    instead: () => begunStream(QUESTION.said),
    requests: 1,
    seen: {
      '@anthropic-ai/sdk': { type: 'api_error', message: expect.stringContaining('broke off') },
      openai: { type: 'server_error', message: expect.stringContaining('broke off') },
      '@anthropic-ai/bedrock-sdk': { message: expect.stringContaining('broke off') },
      '@aws-sdk/client-bedrock-runtime': {
        name: 'InternalServerException',
        message: expect.stringContaining('broke off'),
      },
    },
  },
];

describe('each client sees', () => {
  test.each(REFUSALS)('$what', async ({ policy, instead, requests, seen }) => {
    const team = await scene.team({ ...ON_ANTHROPIC, ...policy });
    scene.anthropic.answerWith(instead);
    const speak = async (name: SpeakerName): Promise<string> => {
      const speaker = SPEAKERS[name](team);
      const failure = await failureOf(speaker.say(QUESTION, true));
      expect(failure, name).toMatchObject(seen[name]);
      expect(speaker.heads, name).toHaveLength(requests);
      return lastTurn(speaker);
    };
    const turnIds = await Promise.all(SPEAKER_NAMES.map(speak));
    scene.anthropic.answerWith(null);
    const entries = await team.entriesOf(turnIds);
    expect(new Set(entries.map((each) => [each.kind, each.charged_nano_usd].join())).size).toBe(1);
  });

  test('a limit besides money, and waits for as long as it is told', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<null>();
    const before = scene.anthropic.calls();
    scene.anthropic.answerWith(() => released);
    const limits = [{ scope: 'key', concurrent_turns: 1 }];
    const teams = await Promise.all(SPEAKER_NAMES.map(() => scene.team({ ...ON_ANTHROPIC, limits })));
    const held = teams.map((team) => speakMessages(team).say(QUESTION, false));
    await expect.poll(() => scene.anthropic.calls(), { timeout: 10_000 }).toBe(before + held.length);
    const sentAtMs = performance.now();
    const speakers = SPEAKER_NAMES.map((name, at) => SPEAKERS[name](teams[at] ?? expect.fail()));
    const saying = speakers.map(async (speaker) => ({
      heard: await speaker.say(QUESTION, true),
      waitedMs: performance.now() - sentAtMs,
    }));
    await expect.poll(() => speakers.every(({ heads }) => heads.length > 0), { timeout: 10_000 }).toBe(true);
    release(null);
    await Promise.all(held);
    for (const [at, { heard, waitedMs }] of (await Promise.all(saying)).entries()) {
      const name = SPEAKER_NAMES[at] ?? expect.fail();
      const heads = speakers[at]?.heads ?? [];
      expect(heard).toEqual(expected(name, QUESTION, false));
      expect(heads.map(({ status }) => status)).toEqual([429, 200]);
      const seconds = Number(heads[0]?.headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(0);
      // AWS's client counts from the second it was told in.
      expect(waitedMs).toBeGreaterThan((seconds - 1) * 1_000);
    }
    scene.anthropic.answerWith(null);
  });
});

/** The two that speak the Messages API's own bodies to Bedrock's operations, and the API itself: OpenAI's has neither. */
const SERVER_TOOLS = { tools: [{ type: 'web_search_20250305' as const, name: 'web_search' as const }] };
const BY_URL = {
  messages: [
    {
      role: 'user' as const,
      content: [
        { type: 'image' as const, source: { type: 'url' as const, url: 'https://example.com/a.png' } },
      ],
    },
  ],
};

describe('a turn goes from Anthropic to Bedrock', () => {
  test.each(SPEAKER_NAMES)('where that fails, and its session stays there: %s', async (name) => {
    const team = await scene.team({ allowed_providers: ['first', 'bedrock'] });
    const session = (id: string) => SPEAKERS[name]({ ...team, headers: { 'x-claude-code-session-id': id } });
    scene.first.answerWith(() => messagesError(529, 'overloaded_error', 'Overloaded'));
    const speaker = session('moved');
    expect(await speaker.say(QUESTION, true)).toEqual(expected(name, QUESTION, false));
    expect(lastProvider(speaker)).toBe('bedrock');
    scene.first.answerWith(null);
    expect(await speaker.say(ERRAND, true)).toEqual(expected(name, ERRAND, false));
    expect(lastProvider(speaker)).toBe('bedrock');
    expect(speaker.heads.map(({ status }) => status)).toEqual([200, 200]);
    const another = session('new');
    await another.say(QUESTION, true);
    expect(lastProvider(another)).toBe('first');
    const entries = await team.entriesOf([speaker, another].map(lastTurn));
    expect(entries.map((each) => each.charged_nano_usd)).toEqual([SCRIPT_NANO_USD, SCRIPT_NANO_USD]);
  });
});

/** AWS's own SDK names an operation's model by an ARN just as well. */
const PROFILE = 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5-5';

describe('clients of Bedrock', () => {
  const names = ['@anthropic-ai/bedrock-sdk', '@aws-sdk/client-bedrock-runtime'] as const;

  test.each(names)('name a model by the ARN of its profile: %s', async (name) => {
    const team = await scene.team(ON_ANTHROPIC);
    const speaker = SPEAKERS[name]({ ...team, model: PROFILE });
    expect(await speaker.say(QUESTION, true)).toEqual(expected(name, QUESTION, false));
  });

  test('read what is wrong with a request by its name', async () => {
    const team = await scene.team(ON_ANTHROPIC);
    const nothing = { ...QUESTION, messages: { max_tokens: 10, messages: [] } };
    expect(await failureOf(speakAws(team).say(nothing, false))).toMatchObject({
      name: 'ValidationException',
    });
    const stranger = speakAws({ ...team, key: 'bk_nobody.k0.1_x' });
    expect(await failureOf(stranger.say(QUESTION, false))).toMatchObject({
      name: 'UnrecognizedClientException',
      $metadata: { attempts: 1, requestId: expect.stringMatching(/^req_/) },
    });
    const { client } = awsClient(team);
    const input = { converse: { messages: [{ role: 'user' as const, content: [{ text: 'hi' }] }] } };
    expect(await failureOf(client.send(new CountTokensCommand({ modelId: PROFILE, input })))).toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('input.converse'),
    });
  });

  test('that leave a silent stream have the provider cancelled', async () => {
    const team = await scene.team(ON_ANTHROPIC);
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    scene.anthropic.answerWith(() => begunStream(QUESTION.said, resolve));
    const client = new AnthropicBedrock({ baseURL: team.url, apiKey: team.key });
    const stream = client.messages.stream({ ...QUESTION.messages, model: PROFILE });
    const failing = failureOf(stream.finalMessage());
    stream.on('streamEvent', () => stream.abort());
    await cancelled;
    expect(await failing).toBeInstanceOf(APIUserAbortError);
    scene.anthropic.answerWith(null);
  });
});

describe('a turn that Bedrock cannot take', () => {
  const inMessages = SPEAKER_NAMES.filter((name) => name !== 'openai');
  test.each([
    ['server tools', SERVER_TOOLS],
    ['sources by URL or file id', BY_URL],
  ])('for its %s goes to Anthropic, and is refused by name where only Bedrock may be used', async (lacked, more) => {
    const both = await scene.team({ allowed_providers: ['anthropic', 'bedrock'] });
    const onlyBedrock = await scene.team({ allowed_providers: ['bedrock'] });
    const turn = { ...QUESTION, messages: { ...QUESTION.messages, ...more } };
    for (const name of inMessages) {
      // One that was taken by Anthropic would stay there.
      const free = SPEAKERS[name]({ ...both, headers: { 'x-claude-code-session-id': name } });
      await free.say(QUESTION, false);
      expect(lastProvider(free), name).toBe('bedrock');
      expect(await free.say(turn, false), name).toEqual(expected(name, QUESTION, false));
      expect(lastProvider(free), name).toBe('anthropic');
      const bound = SPEAKERS[name](onlyBedrock);
      const failure = await failureOf(bound.say(turn, true));
      const message = expect.stringContaining(
        `This request needs what no provider of claude-opus-5-5 here can do: ${lacked}.`,
      );
      const isAws = name === '@aws-sdk/client-bedrock-runtime';
      expect(failure, name).toMatchObject(
        isAws ? { name: 'ValidationException', message } : { status: 400, message },
      );
      expect(bound.heads, name).toHaveLength(1);
    }
  });
});
