/**
 * What a simulated model says: a tool call where the prompt leads to one, JSON where a schema or a title is asked
 * for, else a few sentences. Decides content and stop reason only; nothing here knows of time, tokens' prices or
 * the wire.
 */
import type {
  StopReason,
  TextBlock,
  ThinkingBlock,
  ToolUseBlock,
} from '@anthropic-ai/sdk/resources/messages';
import { z } from 'zod';
import type { Model } from '../../../durable-objects/core/catalogue/types.ts';
import { type Draw, simulatedId } from './chance.ts';
import type { Directives } from './directives.ts';
import { asBlocks } from './prompt.ts';
import type { MessageBody } from './request.ts';
import { sampleSchema } from './schema-sample.ts';
import { charactersOf, tokensOf } from './tokens.ts';
import { nextToolCall } from './tool-call.ts';

export type AnswerBlock = TextBlock | ThinkingBlock | ToolUseBlock;

export interface Answer {
  blocks: AnswerBlock[];
  stopReason: StopReason;
  outputTokens: number;
  /** The part of the output that was thought and not shown. */
  thinkingTokens: number;
}

const OPENING = 'This is the simulator: no model has read this.';
const SENTENCES = [
  'The answer is drawn from the request, so that asking the same again gets the same again.',
  'Its tokens are counted by length, and the prompt cache behind it is emulated.',
  'A budget takes it for a real turn: it is held, priced and settled like one.',
  'Ask it to run something and it calls a tool, once.',
  'Set an upstream key and the same prompt goes to Claude.',
  'Nothing was looked up, and nothing was changed.',
] as const;
const TITLE = 'Simulated session';
const SIGNATURE = 'c2ltdWxhdGVkIHRoaW5raW5n';
/** Silent thinking by time, at the simulator's pace. */
const THINKING_TOKENS_PER_SECOND = 100;
/** Shown in the usage of a refusal although nothing was said. */
const REFUSAL_TOKENS = 4;

const jsonFormat = z.looseObject({ type: z.literal('json_schema'), schema: z.unknown().optional() });

export interface AnswerSources {
  directives: Directives;
  model: Model;
  /** Makes the ids. */
  seed: number;
  /** Chooses and measures the text. */
  draw: Draw;
}

export function composeAnswer(body: MessageBody, { directives, model, seed, draw }: AnswerSources): Answer {
  if (directives.refuse) {
    return withToldOutput(
      { blocks: [], stopReason: 'refusal', outputTokens: REFUSAL_TOKENS, thinkingTokens: 0 },
      directives,
    );
  }
  const call = nextToolCall(body);
  const said: AnswerBlock = call
    ? { type: 'tool_use', id: simulatedId('toolu', seed), caller: { type: 'direct' }, ...call }
    : { type: 'text', text: composeText(body, draw), citations: null };
  const { block, stopReason } = cutToLimit(said, body.max_tokens, model);
  const thinkingMs = directives.thinking_silence;
  const thinkingTokens = Math.ceil(((thinkingMs ?? 0) * THINKING_TOKENS_PER_SECOND) / 1000);
  const thinking: AnswerBlock[] =
    thinkingMs === undefined ? [] : [{ type: 'thinking', thinking: '', signature: SIGNATURE }];
  const outputTokens = thinkingTokens + tokensOf(charactersIn(block), model.tokenizer);
  return withToldOutput(
    { blocks: [...thinking, block], stopReason, outputTokens, thinkingTokens },
    directives,
  );
}

function withToldOutput(answer: Answer, directives: Directives): Answer {
  return { ...answer, outputTokens: directives.output_tokens ?? answer.outputTokens };
}

/** Cuts a text that would be longer than `max_tokens`. */
function cutToLimit(block: TextBlock | ToolUseBlock, maxTokens: number, model: Model) {
  if (block.type !== 'text' || tokensOf(block.text.length, model.tokenizer) <= maxTokens) {
    return { block, stopReason: block.type === 'text' ? ('end_turn' as const) : ('tool_use' as const) };
  }
  const text = block.text.slice(0, charactersOf(maxTokens, model.tokenizer));
  return { block: { ...block, text }, stopReason: 'max_tokens' as const };
}

function composeText(body: MessageBody, draw: Draw): string {
  const format = jsonFormat.safeParse(body.output_config?.format ?? body.output_format);
  if (format.success) return JSON.stringify(sampleSchema(format.data.schema, TITLE));
  if (asksForTitle(body)) return JSON.stringify({ title: TITLE });
  const first = draw(0, SENTENCES.length - 1);
  const count = draw(1, SENTENCES.length);
  const row = Array.from({ length: count }, (_, index) => SENTENCES[(first + index) % SENTENCES.length]);
  return [OPENING, ...row].join(' ');
}

/** A client's background request for a title as JSON: no tools, and the system prompt says so. */
function asksForTitle(body: MessageBody): boolean {
  const system = asBlocks(body.system)
    .map((block) => block.text)
    .join(' ');
  return (body.tools ?? []).length === 0 && /\btitle\b/i.test(system) && /\bjson\b/i.test(system);
}

/** Characters a block's deltas carry. */
function charactersIn(block: TextBlock | ToolUseBlock): number {
  return block.type === 'text' ? block.text.length : JSON.stringify(block.input).length;
}
