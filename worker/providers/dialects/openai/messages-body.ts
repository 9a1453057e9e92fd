/** The parts of a Messages request that a chat completion becomes; only what this dialect writes. */
import type { JsonObject } from '../../json-edit.ts';

/** A marker of Anthropic's prompt cache, as the client gave it or as Bursar sets it. */
interface Cacheable {
  cache_control?: unknown;
}

export interface TextBlock extends Cacheable {
  type: 'text';
  text: string;
}

export interface ImageBlock extends Cacheable {
  type: 'image';
  source: { type: 'base64'; media_type: string; data: string };
}

export interface ToolUseBlock extends Cacheable {
  type: 'tool_use';
  id: string;
  name: string;
  input: JsonObject;
}

export interface ToolResultBlock extends Cacheable {
  type: 'tool_result';
  tool_use_id: string;
  content?: (TextBlock | ImageBlock)[];
}

export type Block = TextBlock | ImageBlock | ToolUseBlock | ToolResultBlock;

export interface Message {
  role: 'user' | 'assistant';
  content: Block[];
}

export interface Tool extends Cacheable {
  name: string;
  description?: string;
  input_schema: JsonObject;
}

export interface ToolChoice {
  type: 'auto' | 'any' | 'tool' | 'none';
  name?: string;
  disable_parallel_tool_use?: true;
}
