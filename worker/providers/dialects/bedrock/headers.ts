/** The headers of a Bedrock request: what they ask for that is not to be had here, and what the Messages API gets. */
import type { MessagesRequest, RequestProblem } from './request.ts';

/**
 * What may stand in a header that asks for more than the turn. Anything else would be asked for in vain, and a guardrail
 * that silently is none is worse than a refusal.
 */
const ASKED: Readonly<Record<string, { value: string; accepted: readonly string[]; why: string }>> = {
  'x-amzn-bedrock-guardrailidentifier': {
    value: 'no guardrail',
    accepted: [],
    why: 'this gateway applies none',
  },
  'x-amzn-bedrock-guardrailversion': {
    value: 'no guardrail',
    accepted: [],
    why: 'this gateway applies none',
  },
  'x-amzn-bedrock-trace': {
    value: '"DISABLED"',
    accepted: ['DISABLED'],
    why: 'this gateway applies no guardrail to trace',
  },
  'x-amzn-bedrock-performanceconfig-latency': {
    value: '"standard"',
    accepted: ['standard'],
    why: 'the turn may be served by another provider than Bedrock',
  },
  'x-amzn-bedrock-service-tier': {
    value: '"default"',
    accepted: ['default'],
    why: 'the turn may be served by another provider than Bedrock',
  },
  'x-amzn-bedrock-accept': {
    value: '"application/json"',
    accepted: ['application/json', '*/*'],
    why: 'answers are JSON',
  },
};

/** JSON, also where the client's SDK doesn't say so: AWS's call a body without a type an octet stream. */
const JSON_TYPE = /^\s*application\/(?:octet-stream|(?:[\w.+-]+\+)?json)\s*(?:;|$)/i;

/** AWS's own, its signature's and session token among them. */
const OF_AWS = ['amz-sdk-', 'x-amz-', 'x-amzn-'];

/** What of the headers can't be granted; null where all can. */
export function headerProblem(headers: Headers): RequestProblem | null {
  const type = headers.get('content-type');
  if (type !== null && !JSON_TYPE.test(type)) {
    return { path: 'content-type', message: `expected application/json, got "${type.slice(0, 100)}"` };
  }
  for (const [name, { value, accepted, why }] of Object.entries(ASKED)) {
    const asked = headers.get(name);
    if (asked !== null && !accepted.includes(asked.trim())) {
      return { path: name, message: `expected ${value}, because ${why}` };
    }
  }
  return null;
}

/** The client's headers as those of the Messages API. */
export function messagesHeaders(
  client: Headers,
  { apiVersion, betas }: Pick<MessagesRequest, 'apiVersion' | 'betas'>,
): Headers {
  const headers = new Headers();
  for (const [name, value] of client) {
    if (!OF_AWS.some((prefix) => name.startsWith(prefix))) headers.append(name, value);
  }
  headers.set('content-type', 'application/json');
  if (apiVersion !== null && !headers.has('anthropic-version')) headers.set('anthropic-version', apiVersion);
  const named = (headers.get('anthropic-beta') ?? '').split(',').map((beta) => beta.trim());
  const all = new Set([...named, ...betas].filter((beta) => beta !== ''));
  if (all.size > 0) headers.set('anthropic-beta', [...all].join(','));
  return headers;
}
