/**
 * Marks what of a chat the provider may cache: OpenAI's clients mark nothing, and a conversation of many turns would
 * pay its whole history anew each time. Only where the chat shows that it goes on (it has an answer already, or offers
 * tools, whose results will follow; a call that is forced is mostly the answer itself): what is cached and never read again costs a quarter more. A client that marks by
 * itself, or sends `cache_control` with the request (null: no caching), decides for itself.
 *
 * Marked is each end that a later request shares: tools and system, where the last request ended (it is found there
 * however many blocks came since; by itself the API looks back over twenty), and the end of this one. That is three of
 * the four marks a request may have, on blocks, where every provider takes them.
 */
import type { Model } from '../../../../durable-objects/core/catalogue/types.ts';
import type { Conversation } from './conversation.ts';
import type { Tool } from './messages-body.ts';
import type { OfferedTools } from './tools.ts';

const MARK = { type: 'ephemeral' } as const;
/** No text makes more tokens of a byte, bar a few scripts: a shorter prompt is certainly not cached. */
const MOST_TOKENS_A_BYTE = 0.5;

/** Sets marks in the conversation and the tools; `promptBytes` is the request's size. */
export function markCache(
  { system, messages }: Conversation,
  { tools, choice }: Pick<OfferedTools, 'tools' | 'choice'>,
  model: Model | null,
  promptBytes: number,
): void {
  const answered = messages.findLastIndex(({ role }) => role === 'assistant');
  const isForced = choice?.type === 'any' || choice?.type === 'tool';
  if (answered === -1 && (tools.length === 0 || isForced)) return;
  if (promptBytes * MOST_TOKENS_A_BYTE < (model?.minCacheable ?? 0)) return;
  if (isMarked({ system, messages }, tools)) return;
  const ends = [
    system.at(-1) ?? tools.at(-1),
    messages[answered - 1]?.content.at(-1),
    messages.at(-1)?.content.at(-1),
  ];
  for (const end of ends) if (end) end.cache_control = MARK;
}

function isMarked(
  { system, messages }: Pick<Conversation, 'system' | 'messages'>,
  tools: readonly Tool[],
): boolean {
  const has = ({ cache_control: mark }: { cache_control?: unknown }): boolean => mark !== undefined;
  return system.some(has) || tools.some(has) || messages.some(({ content }) => content.some(hasWithin));
}

function hasWithin(block: Conversation['messages'][number]['content'][number]): boolean {
  if (block.cache_control !== undefined) return true;
  return block.type === 'tool_result' && (block.content ?? []).some(hasWithin);
}
