/** Every dialect over every provider, spoken by clients nobody here wrote, through one running gateway. */
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
import { lastProvider, lastTurn, type Scene, startScene } from './dialects/scene.ts';
import { type Heard, SPEAKER_NAMES, SPEAKERS, type SpeakerName } from './dialects/speakers.ts';

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
  ])('by way of %s is the same in every dialect, streamed or not, and costs the same', async (provider, nanoUsd) => {
    const team = await scene.team({ allowed_providers: [provider] });
    const turnIds: string[] = [];
    const speak = async (name: SpeakerName): Promise<void> => {
      const speaker = SPEAKERS[name]({ ...team, headers: { 'x-bursar-simulate': SIMULATE } });
      for (const turn of CONVERSATION) {
        for (const isStream of [false, true]) {
          const heard = await speaker.say(turn, isStream);
          const told = expected(name, turn, provider === 'simulator');
          expect({ name, isStream, heard }).toEqual({ name, isStream, heard: told });
          expect(lastProvider(speaker)).toBe(provider);
          turnIds.push(lastTurn(speaker));
        }
      }
      expect(speaker.heads).toHaveLength(2 * CONVERSATION.length);
    };
    await Promise.all(SPEAKER_NAMES.map(speak));
    const entries = await team.entriesOf(turnIds);
    expect(entries.map((each) => [each.kind, each.charged_nano_usd, each.provider_instance])).toEqual(
      turnIds.map(() => ['charge', nanoUsd, provider]),
    );
    expect([...scene.anthropic.refused, ...scene.bedrock.refused]).toEqual([]);
  });
});
