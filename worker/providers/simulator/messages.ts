/** The Messages API of the simulator: from a request's text to the response. */
import type { Catalogue } from '../../../durable-objects/core/catalogue/types.ts';
import { type Rejection, readModel } from '../models-list.ts';
import { composeAnswer } from './answer.ts';
import { createDraw } from './chance.ts';
import type { Directives } from './directives.ts';
import { createMessage } from './message.ts';
import { playScript } from './playback.ts';
import { layOutPrompt } from './prompt.ts';
import type { PromptCache } from './prompt-cache.ts';
import { checkSizes, readMessageBody, readPromptBody } from './request.ts';
import { type Step, scriptBody, scriptStream, writingMs } from './script.ts';
import { wait } from './wait.ts';

/** One request and all it is answered from. */
export interface Exchange {
  /** The request's body. */
  text: string;
  seed: number;
  directives: Directives;
  catalogue: Catalogue;
  cache: PromptCache;
  /** Epoch ms. */
  nowMs: number;
  signal: AbortSignal;
}

/** First byte at pace 1, in ms. */
const FIRST_BYTE_MS = [150, 400] as const;

/** An organisation's headers, as the API sends them on every answer; nobody but Bursar should see them. */
const ORGANISATION_HEADERS = {
  'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
  'anthropic-ratelimit-requests-limit': '4000',
  'anthropic-ratelimit-requests-remaining': '3999',
};

/** Answers `/v1/messages`, streamed or not. Rejects with the signal's reason where it is aborted before the head. */
export async function answerMessage(exchange: Exchange): Promise<Response | Rejection> {
  const { text, seed, directives, signal, nowMs } = exchange;
  const body = readMessageBody(text);
  if (!body.ok) return body.error;
  const model = readModel(exchange.catalogue, body.value.model, nowMs);
  if (!model.ok) return model.error;
  const prompt = layOutPrompt(body.value, model.value);
  const tooLarge = checkSizes(body.value, prompt.tokens, model.value);
  if (tooLarge) return tooLarge;

  const draw = createDraw(seed);
  const headMs = directives.delay === undefined ? draw(...FIRST_BYTE_MS) * directives.pace : 0;
  const answer = composeAnswer(body.value, { directives, model: model.value, seed, draw });
  const cacheUse = exchange.cache.use(prompt, model.value.minCacheable, nowMs);
  const message = createMessage({
    body: body.value,
    directives,
    model: model.value,
    prompt,
    cacheUse,
    answer,
    seed,
  });
  if (body.value.stream) {
    await wait(headMs, signal);
    return respond(
      scriptStream(message, answer.blocks, directives),
      'text/event-stream; charset=utf-8',
      signal,
    );
  }
  await wait(headMs + writingMs(answer.blocks, directives), signal);
  if (directives.error) return { type: 'overloaded_error', message: 'Overloaded (simulated)' };
  return respond(scriptBody(message, directives), 'application/json', signal);
}

/** Answers `/v1/messages/count_tokens`. */
export function countTokens({ text, catalogue, nowMs }: Exchange): Response | Rejection {
  const body = readPromptBody(text);
  if (!body.ok) return body.error;
  const model = readModel(catalogue, body.value.model, nowMs);
  if (!model.ok) return model.error;
  return Response.json({ input_tokens: layOutPrompt(body.value, model.value).tokens });
}

function respond(script: Step[], contentType: string, signal: AbortSignal): Response {
  return new Response(playScript(script, signal), {
    headers: { ...ORGANISATION_HEADERS, 'content-type': contentType, 'cache-control': 'no-cache' },
  });
}
