/**
 * Which tool a simulated answer calls, if any. A prompt can spell calls out, one a line, and they are made one
 * after the other, each after the result of the one before:
 *
 *   [tool:Bash echo hi]                      for Bash, the rest is the command
 *   [tool:Read {"file_path": "/etc/hosts"}]  for any tool, a JSON object is its input
 *
 * Else a short prompt that asks to run or list something calls Bash once: with the command it puts in backticks,
 * or with a harmless one. Commands are never guessed out of prose, since a real client runs them.
 */
import { asBlocks } from './prompt.ts';
import type { MessageBody } from './request.ts';

/** A longer prompt says "run" or "list" without asking for it (summaries, instructions). */
const SHORT_PROMPT_CHARACTERS = 200;
const SPELLED_OUT = /\[tool:([\w-]+) +(.*)\]/g;
const ASKS_TO_RUN = /\b(run|execute|list)\b/i;
/** What a client adds to the user's words stands in tags. */
const TAGGED = /<([\w-]+)>[\s\S]*?<\/\1>/g;

export interface ToolCall {
  name: string;
  input: unknown;
}

/** The call that comes next in this conversation; null where it is time for text. */
export function nextToolCall(body: MessageBody): ToolCall | null {
  const { text, results } = readLastPrompt(body.messages);
  const call = planCalls(text)[results];
  const isOffered = (body.tools ?? []).some(
    (tool) => tool.name === call?.name && tool.defer_loading !== true,
  );
  return call && isOffered ? call : null;
}

/** The user's last own words, and how many tool results came after them. */
function readLastPrompt(messages: MessageBody['messages']): { text: string; results: number } {
  let results = 0;
  for (const { role, content } of messages.toReversed()) {
    if (role !== 'user') continue;
    const blocks = asBlocks(content);
    const texts = blocks.map((block) => (typeof block.text === 'string' ? block.text : ''));
    const text = texts.join('\n').replace(TAGGED, '').trim();
    const resultsHere = blocks.filter((block) => block.type === 'tool_result').length;
    if (text !== '' && resultsHere === 0) return { text, results };
    results += resultsHere;
  }
  return { text: '', results };
}

function planCalls(text: string): ToolCall[] {
  const spelledOut = Array.from(text.matchAll(SPELLED_OUT), ([, name = '', rest = '']) => ({
    name,
    input: readInput(rest),
  }));
  if (spelledOut.length > 0) return spelledOut;
  const asked = text.length <= SHORT_PROMPT_CHARACTERS ? ASKS_TO_RUN.exec(text)?.[1] : undefined;
  if (asked === undefined) return [];
  const harmless = asked.toLowerCase() === 'list' ? 'ls' : 'echo simulated';
  return [{ name: 'Bash', input: bashInput(/`([^`\n]+)`/.exec(text)?.[1] ?? harmless) }];
}

function readInput(rest: string): unknown {
  if (!rest.startsWith('{')) return bashInput(rest.trim());
  try {
    return JSON.parse(rest);
  } catch {
    return bashInput(rest.trim());
  }
}

function bashInput(command: string): { command: string; description: string } {
  return { command, description: 'Asked for in the prompt' };
}
