/** Streams as the Messages API sends them, and ways to cut them into chunks. */

const encoder = new TextEncoder();

/** One event of a stream. */
export function sse(data: { type: string; [field: string]: unknown }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

export function messageStart(usage: unknown, id = 'msg_01'): string {
  const message = { id, type: 'message', role: 'assistant', model: 'claude-opus-5-5', content: [], usage };
  return sse({ type: 'message_start', message });
}

export function blockStart(content_block: { type: string; [field: string]: unknown }, index = 0): string {
  return sse({ type: 'content_block_start', index, content_block });
}

export function blockDelta(delta: { type: string; [field: string]: unknown }, index = 0): string {
  return sse({ type: 'content_block_delta', index, delta });
}

export function blockStop(index = 0): string {
  return sse({ type: 'content_block_stop', index });
}

export function messageDelta(usage: unknown, stop_reason = 'end_turn'): string {
  return sse({ type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage });
}

export const PING = sse({ type: 'ping' });
export const MESSAGE_STOP = sse({ type: 'message_stop' });

/** Usage as `message_start` tells it. */
export const START_USAGE = {
  input_tokens: 1200,
  cache_creation_input_tokens: 5000,
  cache_read_input_tokens: 90_000,
  cache_creation: { ephemeral_5m_input_tokens: 2000, ephemeral_1h_input_tokens: 3000 },
  output_tokens: 1,
  service_tier: 'standard',
  inference_geo: 'us',
  speed: 'fast',
};

/** A whole turn: a text with two- and four-byte characters, a tool call, usage that grew, two searches. */
export const TURN = [
  messageStart(START_USAGE),
  PING,
  blockStart({ type: 'text', text: '' }),
  blockDelta({ type: 'text_delta', text: 'Grüße ' }),
  blockDelta({ type: 'text_delta', text: '🌍 "quoted"\n' }),
  blockStop(),
  blockStart({ type: 'tool_use', id: 'toolu_01', name: 'Bash', input: {} }, 1),
  blockDelta({ type: 'input_json_delta', partial_json: '{"command":"ls"}' }, 1),
  blockStop(1),
  messageDelta(
    {
      input_tokens: 1200,
      cache_creation_input_tokens: 5600,
      cache_read_input_tokens: 90_000,
      output_tokens: 2500,
      server_tool_use: { web_search_requests: 2 },
    },
    'tool_use',
  ),
  MESSAGE_STOP,
].join('');

export function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Every way to cut bytes in two, and all of them one by one. */
export function* everyCut(whole: Uint8Array): Generator<Uint8Array[]> {
  for (let at = 0; at <= whole.length; at++) yield [whole.slice(0, at), whole.slice(at)];
  yield Array.from(whole, (byte) => Uint8Array.of(byte));
}
