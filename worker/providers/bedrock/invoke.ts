/** InvokeModel: a turn streamed or whole, and its tokens counted. */
import { authorized } from './access.ts';
import type { BedrockCall } from './bedrock-call.ts';
import { answerHeaders, errorAnswer, errorEnvelope, toldError } from './errors.ts';
import { pacedStream } from './paced-stream.ts';
import { invokeBody } from './request-body.ts';
import { SseAnswer } from './sse-answer.ts';

const encoder = new TextEncoder();

/** Null where the body is no JSON object. Rejects where no answer came. */
export async function sendInvoke(call: BedrockCall): Promise<Response | null> {
  const body = invokeBody(call.body, call.headers, call.model);
  if (!body) return null;
  const action = body.stream ? 'invoke-with-response-stream' : 'invoke';
  const response = await post(call, action, body.bytes);
  if (!response.ok) return await errorAnswer(response);
  return body.stream ? await streamed(response) : whole(response);
}

/** `count_tokens`, by the foundation model's id. Null and rejections as above. */
export async function countInvoke(call: BedrockCall): Promise<Response | null> {
  const body = invokeBody(call.body, call.headers, call.model, true);
  if (!body) return null;
  const response = await post(call, 'count-tokens', countBody(body.bytes));
  if (!response.ok) return await errorAnswer(response);
  const { inputTokens }: { inputTokens?: unknown } = await response.json();
  if (typeof inputTokens !== 'number') {
    return errorEnvelope(
      toldError('InternalServerException'),
      'Bedrock counted no tokens.',
      response.headers,
    );
  }
  return Response.json({ input_tokens: inputTokens }, { headers: answerHeaders(response.headers) });
}

async function post(
  { endpoint: { url, access }, id, signal }: BedrockCall,
  action: string,
  body: Uint8Array,
): Promise<Response> {
  const address = `${url}/model/${encodeURIComponent(id)}/${action}`;
  const headers = new Headers({ 'content-type': 'application/json', accept: 'application/json' });
  return await fetch(address, {
    method: 'POST',
    headers: await authorized(access, address, headers, body),
    body,
    // A redirect is the upstream's answer, not a place to take the credential to.
    redirect: 'manual',
    signal,
  });
}

/** The JSON as it is. */
function whole(response: Response): Response {
  const headers = answerHeaders(response.headers);
  headers.set('content-type', 'application/json');
  const length = response.headers.get('content-length');
  if (length !== null) headers.set('content-length', length);
  return new Response(response.body, { status: response.status, headers });
}

/**
 * The stream as server-sent events. It is answered with its first event: an exception in its place is an error like any
 * other, which a failover can act on. Rejects where the stream breaks or ends before.
 */
async function streamed(response: Response): Promise<Response> {
  const reader = response.body?.getReader();
  const answer = new SseAnswer();
  let begun: Uint8Array = new Uint8Array(0);
  while (begun.length === 0) {
    const next = await reader?.read();
    if (!reader || !next || next.done) throw new TypeError('Bedrock ended its stream before it began');
    begun = answer.push(next.value);
    if (answer.failure && !answer.hasBegun) {
      void reader.cancel().catch(() => undefined);
      const { name, message } = answer.failure;
      return errorEnvelope(toldError(name), message, response.headers);
    }
  }
  const headers = answerHeaders(response.headers);
  headers.set('content-type', 'text/event-stream; charset=utf-8');
  headers.set('cache-control', 'no-cache');
  if (!reader) throw new TypeError('Bedrock answered without a body');
  return new Response(pacedStream(reader, answer, begun), { headers });
}

const COUNT_BEGIN = encoder.encode('{"input":{"invokeModel":{"body":"');
const COUNT_END = encoder.encode('"}}}');
/** Whole groups of three bytes, and no more than a call can take as arguments. */
const PIECE_BYTES = 3 * 8_192;

/** `{"input": {"invokeModel": {"body": <base64>}}}`, written in place: the bytes may be many, and memory is shared. */
function countBody(bytes: Uint8Array): Uint8Array {
  const encodedLength = Math.ceil(bytes.length / 3) * 4;
  const whole = new Uint8Array(COUNT_BEGIN.length + encodedLength + COUNT_END.length);
  whole.set(COUNT_BEGIN);
  let to = COUNT_BEGIN.length;
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    const piece = btoa(String.fromCharCode(...bytes.subarray(from, from + PIECE_BYTES)));
    to += encoder.encodeInto(piece, whole.subarray(to)).written;
  }
  whole.set(COUNT_END, to);
  return whole;
}
