/**
 * Writes the chunks of a streamed chat completion while the events of a Messages stream pass. It holds what it has
 * written since it was last asked, and a few words about the block under way: nothing grows with the answer.
 */
import { isJsonObject, type JsonObject } from '../../json-edit.ts';
import { parseJson } from '../../message-event.ts';
import { SseLines } from '../../sse-lines.ts';
import { type FinishReason, finishReason } from './completion.ts';
import { chatError } from './error.ts';
import type { Asked } from './request.ts';
import { chatUsage, laterUsage, type ReportedUsage } from './usage.ts';

/** A tool call under way. */
interface Call {
  /** Its place among the answer's calls. */
  at: number;
  /** The input that stood in the block's start: most stream it after. */
  input: unknown;
  hasStreamed: boolean;
}

export class ChunkWriter {
  readonly #asked: Asked;
  readonly #createdS: number;
  readonly #lines = new SseLines((name, data) => this.#hear(name, data));
  readonly #decoder = new TextDecoder();
  readonly #calls = new Map<unknown, Call>();
  #written = '';
  /** How every chunk begins. */
  #frame = '';
  #callCount = 0;
  #usage: ReportedUsage = {};
  #isStopped = false;
  #isFailed = false;

  /** `createdS` is epoch seconds. */
  constructor(asked: Asked, createdS: number) {
    this.#asked = asked;
    this.#createdS = createdS;
    this.#begin({ id: null, model: null });
  }

  /** Takes the next bytes of the stream. Throws where they are no Messages stream. */
  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  /**
   * The stream ended: writes what stands at the end of a whole answer. False where this was none, and the client must
   * see the connection break.
   */
  end(): boolean {
    this.#lines.end();
    if (this.#isFailed) return true;
    if (!this.#isStopped) return false;
    if (this.#asked.includeUsage) this.#writeUsage();
    this.#written += 'data: [DONE]\n\n';
    return true;
  }

  /** No more of the answer comes, and it is not whole: says so, unless an error was told of. */
  breakOff(): void {
    if (!this.#isFailed) this.#fail({});
  }

  /** What was written since the last call; empty where nothing was. */
  take(): string {
    const written = this.#written;
    this.#written = '';
    return written;
  }

  #hear(name: string | null, data: Uint8Array | null): void {
    if (this.#isFailed) return;
    if (data === null) throw new RangeError('an event of the answer is too long to be translated');
    if (name === 'ping') {
      this.#written += ': ping\n\n';
      return;
    }
    if (name === 'content_block_stop' && this.#calls.size === 0) return;
    const event = parseJson(this.#decoder.decode(data));
    if (!isJsonObject(event)) throw new SyntaxError('an event of the answer is no JSON object');
    this.#take(event);
  }

  #take(event: JsonObject): void {
    switch (event.type) {
      case 'content_block_delta':
        this.#delta(event.index, event.delta);
        return;
      case 'message_start':
        this.#start(event.message);
        return;
      case 'content_block_start':
        this.#startBlock(event.index, event.content_block);
        return;
      case 'content_block_stop':
        this.#stopBlock(event.index);
        return;
      case 'message_delta':
        this.#finish(event);
        return;
      case 'message_stop':
        this.#isStopped = true;
        return;
      case 'error':
        this.#fail(event);
        return;
    }
  }

  #begin({ id, model }: JsonObject): void {
    const frame = { id, object: 'chat.completion.chunk', created: this.#createdS, model };
    this.#frame = `data: ${JSON.stringify(frame).slice(0, -1)}`;
  }

  #start(message: unknown): void {
    if (!isJsonObject(message)) return;
    this.#begin(message);
    this.#usage = laterUsage(this.#usage, message.usage);
    this.#write('{"role":"assistant","content":"","refusal":null}');
  }

  /** A chunk with this delta, as JSON. */
  #write(delta: string, reason: FinishReason | null = null): void {
    const finish = reason === null ? 'null' : `"${reason}"`;
    const usage = this.#asked.includeUsage ? ',"usage":null' : '';
    this.#written += `${this.#frame},"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]${usage}}\n\n`;
  }

  #startBlock(index: unknown, block: unknown): void {
    if (!isJsonObject(block)) return;
    if (block.type === 'text' && typeof block.text === 'string' && block.text !== '') {
      this.#write(`{"content":${JSON.stringify(block.text)}}`);
    } else if (block.type === 'tool_use') {
      const { id, name, input } = block;
      const call = { at: this.#callCount, input, hasStreamed: false };
      this.#callCount += 1;
      this.#calls.set(index, call);
      this.#writeCall(call, { id, type: 'function', function: { name, arguments: '' } });
    }
  }

  #writeCall({ at }: Call, call: { function: object; id?: unknown; type?: 'function' }): void {
    const delta = this.#asked.areFunctions
      ? { function_call: call.function }
      : { tool_calls: [{ index: at, ...call }] };
    this.#write(JSON.stringify(delta));
  }

  #delta(index: unknown, delta: unknown): void {
    if (!isJsonObject(delta)) return;
    if (delta.type === 'text_delta') this.#write(`{"content":${JSON.stringify(delta.text)}}`);
    else if (delta.type === 'input_json_delta') {
      const call = this.#calls.get(index);
      if (!call || delta.partial_json === '') return;
      call.hasStreamed = true;
      this.#writeCall(call, { function: { arguments: delta.partial_json } });
    }
  }

  /** A call without arguments streams none, but no text at all is no JSON. */
  #stopBlock(index: unknown): void {
    const call = this.#calls.get(index);
    if (!call) return;
    this.#calls.delete(index);
    if (!call.hasStreamed)
      this.#writeCall(call, { function: { arguments: JSON.stringify(call.input ?? {}) } });
  }

  #finish({ delta, usage }: JsonObject): void {
    this.#usage = laterUsage(this.#usage, usage);
    this.#write('{}', finishReason(isJsonObject(delta) ? delta.stop_reason : null, this.#asked));
  }

  #writeUsage(): void {
    this.#written += `${this.#frame},"choices":[],"usage":${JSON.stringify(chatUsage(this.#usage))}}\n\n`;
  }

  #fail(event: JsonObject): void {
    this.#isFailed = true;
    const error = chatError(JSON.stringify(event), 'The answer broke off.', this.#asked);
    this.#written += `data: ${JSON.stringify({ error })}\n\n`;
  }
}
