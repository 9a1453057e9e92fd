/** Bedrock's operations on models as turns and token counts in the terms of the Messages API, and their answers back. */
import { err, ok } from '../../durable-objects/core/result.ts';
import { toEventStream } from '../providers/dialects/bedrock/answer-stream.ts';
import { bodyToCount, countedAnswer, NOT_COUNTED } from '../providers/dialects/bedrock/count-tokens.ts';
import { exceptionOf, readError } from '../providers/dialects/bedrock/exception.ts';
import { headerProblem, messagesHeaders } from '../providers/dialects/bedrock/headers.ts';
import { InvocationMetrics } from '../providers/dialects/bedrock/invocation-metrics.ts';
import { type MessagesRequest, toMessages } from '../providers/dialects/bedrock/request.ts';
import type { Dialect } from './dialect.ts';

const USE_BEARER =
  'This gateway cannot check an AWS signature: send your Bursar key as a Bedrock API key ' +
  '(AWS_BEARER_TOKEN_BEDROCK=bk_…, "Authorization: Bearer bk_…").';

/** Reasons of a refusal that is about the model, not about money. */
const DENIALS = ['model_not_allowed', 'model_unavailable'];

/** `POST /model/{model}/invoke`, or `…/invoke-with-response-stream` where `isStream`. */
export function invokeDialect(request: Request, model: string, isStream: boolean): Dialect {
  return {
    translate: (bytes, { headers }) => {
      const metrics = new InvocationMetrics(Date.now());
      const problem = headerProblem(headers);
      if (problem) return err(problem);
      const translated = toMessages(bytes, isStream ? { model, stream: true } : { model });
      if (!translated.ok) return translated;
      return ok({
        ...inMessages(headers, translated.value),
        path: '/v1/messages',
        answer: (response: Response) =>
          response.ok ? invoked(response, request, metrics) : refused(response, request),
      });
    },
    refuse: (response) => refused(response, request),
  };
}

/** `POST /model/{model}/count-tokens`. */
export function countDialect(request: Request, model: string): Dialect {
  return {
    translate: (bytes, { headers }) => {
      const problem = headerProblem(headers);
      const inner = problem ? err(problem) : bodyToCount(bytes);
      if (!inner.ok) return inner;
      const translated = toMessages(inner.value, { model }, NOT_COUNTED);
      if (!translated.ok) return translated;
      return ok({
        ...inMessages(headers, translated.value),
        path: '/v1/messages/count_tokens',
        answer: (response: Response) =>
          response.ok ? counted(response, request) : refused(response, request),
      });
    },
    refuse: (response) => refused(response, request),
  };
}

function inMessages(client: Headers, request: MessagesRequest): { bytes: Uint8Array; headers: Headers } {
  return { bytes: request.bytes, headers: messagesHeaders(client, request) };
}

async function invoked(response: Response, request: Request, metrics: InvocationMetrics): Promise<Response> {
  const headers = bedrockHeaders(response.headers);
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (isStream && response.body) {
    headers.set('content-type', 'application/vnd.amazon.eventstream');
    headers.set('x-amzn-bedrock-content-type', 'application/json');
    return new Response(toEventStream(response.body, metrics), { headers });
  }
  const bytes = await response.arrayBuffer().catch(() => null);
  if (bytes === null) return await refused(brokenOff(response), request);
  metrics.counted(new TextDecoder().decode(bytes));
  for (const [name, value] of Object.entries(metrics.headers(Date.now()))) headers.set(name, value);
  return new Response(bytes, { headers });
}

async function counted(response: Response, request: Request): Promise<Response> {
  const answer = countedAnswer(await textOf(response));
  if (!answer) return await refused(brokenOff(response), request);
  return Response.json(answer, { headers: bedrockHeaders(response.headers) });
}

/** Empty where the body breaks off. */
async function textOf(response: Response): Promise<string> {
  return await response.text().catch(() => '');
}

/** Nothing of an answer that was to go in one piece has gone to the client, who gets an error in its place. */
function brokenOff({ headers }: Response): Response {
  const error = { type: 'api_error', message: 'The answer of the model provider broke off.' };
  return Response.json({ type: 'error', error }, { status: 502, headers });
}

/** An error of the Messages API, or a refusal, as an exception of Bedrock's. */
export async function refused(response: Response, request: Request): Promise<Response> {
  const error = readError(response.status, await textOf(response));
  const isSigned = response.status === 401 && /^AWS4-/i.test(request.headers.get('authorization') ?? '');
  const isRefusal = response.headers.get('x-bursar-decision') === 'refuse';
  const reasons = (isRefusal && response.headers.get('x-bursar-reason')?.split(' ')) || [];
  const { name, status, message } = exceptionOf(
    {
      ...error,
      ...(isSigned ? { message: USE_BEARER } : {}),
      isDenied: reasons.some((reason) => DENIALS.includes(reason)),
    },
    request.headers.has('x-stainless-lang'),
  );
  const headers = bedrockHeaders(response.headers);
  headers.set('x-amzn-errortype', name);
  return Response.json({ message }, { status, headers });
}

/** The answer's headers; Claude Code's own limits are not read in its Bedrock mode. */
function bedrockHeaders(answered: Headers): Headers {
  const headers = new Headers();
  for (const [name, value] of answered) {
    if (!name.startsWith('anthropic-ratelimit-') && name !== 'content-length') headers.append(name, value);
  }
  headers.set('content-type', 'application/json');
  headers.set('x-amzn-requestid', answered.get('request-id') ?? crypto.randomUUID());
  return headers;
}
