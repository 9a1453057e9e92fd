/**
 * Request bodies for made-up turns: of the turn's size, in Claude Code's shape, and with each thread's turns
 * beginning as its last one did, so that an upstream's prompt cache sees what it would see of the real client.
 */
import type { TrafficTurn } from '../../test/traffic/turn.ts';

/** ASCII without anything that JSON escapes: a character is a byte. */
const WORDS = 'A line of a conversation about a function, its tests and what is to be done about them. ';
/** Of what comes before the messages, tools are this part ("say hi" has 49 KB, 31 KB of it tools). */
const TOOLS_PART = 0.63;
/** Bytes of text in a token of the older tokenizer, a little less than there are: room for the JSON around. */
const PREFIX_BYTES_A_TOKEN = 4.3;

interface Message {
  role: 'user' | 'assistant';
  content: unknown;
}

interface Thread {
  compactions: number;
  messages: Message[];
}

export class Bodies {
  readonly #threads = new Map<string, Thread>();

  /** The body of the next turn; turns of a thread are given in order. */
  bodyOf(turn: TrafficTurn): string {
    const messages = this.#messagesBefore(turn);
    const endingIn = (text: string): string =>
      JSON.stringify(bodyWith(turn, [...messages, lastMessage(turn, text)]));
    const text = filler(Math.max(1, turn.bodyBytes - endingIn('').length));
    const body = endingIn(text);
    messages.push({ role: 'user', content: [{ type: 'text', text }] });
    return body;
  }

  /** Forgets a thread that has no further turn. */
  end(thread: string): void {
    this.#threads.delete(thread);
  }

  /** What the thread has said so far, the model's answer included; nothing after a compaction. */
  #messagesBefore(turn: TrafficTurn): Message[] {
    const known = this.#threads.get(turn.thread);
    if (known?.compactions === turn.compactions) {
      known.messages.push({ role: 'assistant', content: [{ type: 'text', text: 'Done.' }] });
      return known.messages;
    }
    const messages: Message[] = [];
    this.#threads.set(turn.thread, { compactions: turn.compactions, messages });
    return messages;
  }
}

function filler(characters: number): string {
  return WORDS.repeat(Math.ceil(characters / WORDS.length)).slice(0, characters);
}

function cacheMark({ cacheTtl }: TrafficTurn) {
  return cacheTtl === 'none' ? {} : { cache_control: { type: 'ephemeral', ttl: cacheTtl } };
}

function lastMessage(turn: TrafficTurn, text: string): Message {
  return { role: 'user', content: [{ type: 'text', text, ...cacheMark(turn) }] };
}

/** In Claude Code's order of keys. */
function bodyWith(turn: TrafficTurn, messages: Message[]) {
  const prefix = turn.prefixTokens * PREFIX_BYTES_A_TOKEN;
  const ofTools = turn.toolsOffered.length === 0 ? 0 : TOOLS_PART;
  const name = `Session ${turn.thread}. `;
  const told = Math.max(0, prefix * (1 - ofTools) - name.length);
  return {
    model: turn.model,
    messages,
    system: [{ type: 'text', text: name + filler(told), ...cacheMark(turn) }],
    tools: turn.toolsOffered.map((tool) => ({
      name: tool,
      description: filler((prefix * ofTools) / turn.toolsOffered.length),
      input_schema: { type: 'object', properties: {} },
    })),
    metadata: { user_id: JSON.stringify({ session_id: turn.session }) },
    max_tokens: turn.maxTokens,
    ...(turn.thinking === null ? {} : { thinking: { type: turn.thinking } }),
    ...(turn.effort === null ? {} : { output_config: { effort: turn.effort } }),
    stream: turn.stream,
  };
}
