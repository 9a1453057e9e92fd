/**
 * Bedrock's Messages endpoint (`bedrock-mantle`): the Messages API itself, but for the models' ids, what it does not
 * accept, and the credential.
 */
import { authorized } from './access.ts';
import type { BedrockCall } from './bedrock-call.ts';
import { answerHeaders, errorAnswer } from './errors.ts';
import { type Conversion, pacedStream } from './paced-stream.ts';
import { messagesBody } from './request-body.ts';

const LF = 0x0a;

/** `path` is `/v1/messages` or `/v1/messages/count_tokens`. Null where the body is no JSON object. */
export async function sendMessages(call: BedrockCall, path: string): Promise<Response | null> {
  const { endpoint, id, model, signal } = call;
  const body = messagesBody(call.body, call.headers, model, id);
  if (!body) return null;
  const address = `${endpoint.url}/anthropic${path}`;
  const headers = new Headers({ 'content-type': 'application/json', accept: 'application/json' });
  const version = call.headers.get('anthropic-version');
  if (version !== null) headers.set('anthropic-version', version);
  if (body.betas.length > 0) headers.set('anthropic-beta', body.betas.join(','));
  const response = await fetch(address, {
    method: 'POST',
    headers: await authorized(endpoint.access, address, headers, body.bytes),
    body: body.bytes,
    redirect: 'manual',
    signal,
  });
  if (!response.ok) return await passedError(response);
  return answered(response);
}

/** Errors are the API's own; those of what stands before the endpoint are AWS's. */
async function passedError(response: Response): Promise<Response> {
  const text = await response.text();
  if (!isEnvelope(text)) return await errorAnswer(new Response(text, response));
  const headers = answerHeaders(response.headers);
  headers.set('content-type', 'application/json');
  return new Response(text, { status: response.status, headers });
}

function isEnvelope(text: string): boolean {
  try {
    const body: { type?: unknown } | null = JSON.parse(text);
    return body?.type === 'error';
  } catch {
    return false;
  }
}

function answered(response: Response): Response {
  const headers = answerHeaders(response.headers);
  const type = response.headers.get('content-type') ?? 'application/json';
  headers.set('content-type', type);
  if (type.startsWith('text/event-stream') && response.body) {
    return new Response(pacedStream(response.body.getReader(), new Unchanged()), { headers });
  }
  const length = response.headers.get('content-length');
  if (length !== null) headers.set('content-length', length);
  return new Response(response.body, { headers });
}

/** The stream's own bytes; a ping may stand only behind a blank line. */
class Unchanged implements Conversion {
  readonly state = 'open';
  readonly mayEndOpen = true;
  #last = [0, 0];

  push(chunk: Uint8Array): Uint8Array {
    this.#last = [...this.#last, ...chunk.subarray(-2)].slice(-2);
    return chunk;
  }

  get isBetweenEvents(): boolean {
    return this.#last.every((byte) => byte === LF);
  }
}
