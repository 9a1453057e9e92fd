/**
 * A prompt as the cache and the counter see it: one row of blocks in the API's order (tools, system, messages),
 * each with the hash and the tokens of everything up to its end.
 */
import type { Model } from '../../../durable-objects/core/catalogue/types.ts';
import { hashText } from './chance.ts';
import type { Block, PromptBody } from './request.ts';
import { tokensOf } from './tokens.ts';

/** About what an image of a megapixel costs; its base64 says nothing of it. */
const IMAGE_TOKENS = 1600;
/** What the API adds behind any prompt: a few tokens that are never cached. */
const FRAME_TOKENS = 7;

export type CacheTtl = '5m' | '1h';

/** Where a block of the prompt ends. */
export interface Boundary {
  /** Hash of the model and of all blocks up to here, markers aside. */
  prefix: number;
  /** Tokens of all blocks up to here. */
  endTokens: number;
  /** The breakpoint set here, null where there is none. */
  ttl: CacheTtl | null;
}

export interface Prompt {
  boundaries: Boundary[];
  /** Tokens of the whole prompt. */
  tokens: number;
}

/** Lays a request's prompt out. Changes nothing in it, and ignores what is not part of the prompt. */
export function layOutPrompt(body: PromptBody, model: Model): Prompt {
  const boundaries: Boundary[] = [];
  let prefix = hashText(model.id);
  let endTokens = 0;
  for (const { part, ttl } of promptParts(body)) {
    const { text, images } = writePart(part);
    prefix = hashText(`${prefix}:${text}`);
    endTokens += tokensOf(text.length, model.tokenizer) + images * IMAGE_TOKENS;
    boundaries.push({ prefix, endTokens, ttl });
  }
  const last = boundaries.at(-1);
  // A marker on the request itself stands for one on the last block that can have it.
  if (last && body.cache_control && !last.ttl) last.ttl = ttlOf(body.cache_control);
  return { boundaries, tokens: endTokens + FRAME_TOKENS };
}

interface Part {
  part: unknown;
  ttl: CacheTtl | null;
}

function promptParts(body: PromptBody): Part[] {
  const tools = (body.tools ?? []).map((tool) => ({ part: tool, ttl: ttlOf(tool.cache_control) }));
  const system = asBlocks(body.system).map((each) => ({ part: each, ttl: ttlOf(each.cache_control) }));
  const messages = body.messages.flatMap(({ role, content }) =>
    asBlocks(content).map((each) => ({ part: [role, each], ttl: ttlOf(each.cache_control) })),
  );
  return [...tools, ...system, ...messages];
}

/** Content as blocks: a string is short for one text block. */
export function asBlocks(content: string | Block[] | null | undefined): Block[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return content ?? [];
}

function ttlOf(marker: PromptBody['cache_control']): CacheTtl | null {
  if (!marker) return null;
  return marker.ttl === '1h' ? '1h' : '5m';
}

/** A part as text without its cache markers (they move from turn to turn), base64 data shortened to its hash. */
function writePart(part: unknown): { text: string; images: number } {
  let images = 0;
  const text = JSON.stringify(part, (key, value: unknown) => {
    if (key === 'cache_control') return undefined;
    if (!isBase64Source(value)) return value;
    images += 1;
    return hashText(value.data);
  });
  return { text, images };
}

function isBase64Source(value: unknown): value is { data: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'base64' &&
    'data' in value &&
    typeof value.data === 'string'
  );
}
