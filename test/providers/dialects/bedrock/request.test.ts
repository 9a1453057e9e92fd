/** Bedrock's requests in the terms of the Messages API. */
import { describe, expect, test } from 'vitest';
import { bodyToCount, NOT_COUNTED } from '../../../../worker/providers/dialects/bedrock/count-tokens.ts';
import { headerProblem, messagesHeaders } from '../../../../worker/providers/dialects/bedrock/headers.ts';
import { toMessages } from '../../../../worker/providers/dialects/bedrock/request.ts';

const VERSION = '"anthropic_version":"bedrock-2023-05-31"';
const MODEL = 'us.anthropic.claude-opus-5-5';

function translated(text: string, members: Record<string, unknown> = { model: MODEL }, removed?: string[]) {
  const result = toMessages(new TextEncoder().encode(text), members, removed);
  if (!result.ok) throw new Error(`${result.error.path}: ${result.error.message}`);
  return { ...result.value, text: new TextDecoder().decode(result.value.bytes) };
}

function refusal(body: string | Uint8Array): string {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const result = toMessages(bytes, { model: MODEL });
  return result.ok ? 'taken' : `${result.error.path}: ${result.error.message}`;
}

describe('a body of InvokeModel', () => {
  test.each([
    ['first', `{${VERSION},"max_tokens":1e2}`, `{"model":"${MODEL}","max_tokens":1e2}`],
    ['last', `{ "max_tokens" : 1e2 , ${VERSION} }`, `{ "max_tokens" : 1e2 , "model":"${MODEL}" }`],
    ['alone', `{${VERSION}}`, `{"model":"${MODEL}"}`],
    [
      'with betas before it',
      `{"anthropic_beta":["a"],${VERSION},"messages":["\\u00e9"]}`,
      `{"model":"${MODEL}","messages":["\\u00e9"]}`,
    ],
    [
      'with betas at the end',
      `{"x":{"anthropic_beta":1},${VERSION},"anthropic_beta":["a"]}`,
      `{"x":{"anthropic_beta":1},"model":"${MODEL}"}`,
    ],
    ['there twice', `{${VERSION},${VERSION},"a":1}`, `{"a":1,"model":"${MODEL}"}`],
    ['behind a byte order mark', `\ufeff{${VERSION},"a":1}`, `{"a":1,"model":"${MODEL}"}`],
  ])('has its model where the version was, %s, and the rest as it was', (_where, text, expected) => {
    expect(translated(text).text).toBe(expected);
  });

  test('is streamed because the operation says so', () => {
    const { text } = translated(`{"a":1,${VERSION}}`, { model: MODEL, stream: true });
    expect(text).toBe(`{"a":1,"model":"${MODEL}","stream":true}`);
  });

  test('may name a version of the API, which newer clients do', () => {
    expect(translated('{"anthropic_version":"2026-10-21"}').apiVersion).toBe('2026-10-21');
    expect(translated(`{${VERSION}}`).apiVersion).toBeNull();
  });

  test('has betas of any name, such as those that objects have', () => {
    const betas = ['constructor', '__proto__'];
    expect(translated(`{${VERSION},"anthropic_beta":${JSON.stringify(betas)}}`).betas).toEqual(betas);
  });

  test('has its betas by the names of the API', () => {
    const betas = '["context-1m-2025-08-07","tool-search-tool-2025-10-19"]';
    expect(translated(`{${VERSION},"anthropic_beta":${betas}}`).betas).toEqual([
      'context-1m-2025-08-07',
      'advanced-tool-use-2025-11-20',
    ]);
  });

  test.each([
    ['no JSON', '{"a":', 'Malformed input request: #: expected a JSON object in UTF-8, please'],
    ['no object', '[1]', 'Malformed input request: #: expected a JSON object in UTF-8, please'],
    [
      'no UTF-8',
      Uint8Array.of(0x22, 0xff, 0x22),
      'Malformed input request: #: expected a JSON object in UTF-8, please',
    ],
    ['nothing', '', 'Malformed input request: #: expected a JSON object in UTF-8, please'],
    ['no version', '{}', 'Malformed input request: #: required key [anthropic_version] not found, please'],
    ['a version that is none', '{"anthropic_version":3}', 'anthropic_version: expected "bedrock-2023-05-31"'],
    [
      'a model',
      `{"model":"x",${VERSION}}`,
      'Malformed input request: #: extraneous key [model] is not permitted, please',
    ],
    [
      'a stream',
      `{"stream":true,${VERSION}}`,
      'Malformed input request: #: extraneous key [stream] is not permitted, please',
    ],
    ['betas that are no list', `{${VERSION},"anthropic_beta":"a"}`, 'anthropic_beta: expected a list'],
    ['a beta that no header holds', `{${VERSION},"anthropic_beta":["a\\nb"]}`, 'anthropic_beta: expected'],
    ['a beta that is a list by itself', `{${VERSION},"anthropic_beta":["a,b"]}`, 'anthropic_beta: expected'],
  ])('with %s is refused in Bedrock’s words', (_what, body, sentence) => {
    expect(refusal(body)).toContain(sentence);
  });
});

describe('the headers of InvokeModel', () => {
  test('lose what is AWS’s and gain what the Messages API wants of them', () => {
    const client = {
      'content-type': 'application/octet-stream',
      'x-amz-date': '20261126T050000Z',
      'x-amz-security-token': 'secret',
      'x-amzn-bedrock-accept': '*/*',
      'amz-sdk-request': 'attempt=1; max=3',
      'anthropic-beta': 'one, two',
      'x-claude-code-session-id': 's1',
    };
    const headers = messagesHeaders(new Headers(client), {
      apiVersion: '2026-10-21',
      betas: ['two', 'three'],
    });
    expect(Object.fromEntries(headers)).toEqual({
      'content-type': 'application/json',
      'anthropic-beta': 'one,two,three',
      'anthropic-version': '2026-10-21',
      'x-claude-code-session-id': 's1',
    });
  });

  test('keep the API’s version that the client has there', () => {
    const client = new Headers({ 'anthropic-version': '2023-06-01' });
    const headers = messagesHeaders(client, { apiVersion: '2026-10-21', betas: [] });
    expect(headers.get('anthropic-version')).toBe('2023-06-01');
    expect(headers.has('anthropic-beta')).toBe(false);
  });

  test.each([
    ['content-type', 'text/plain', 'expected application/json, got "text/plain"'],
    ['x-amzn-bedrock-guardrailidentifier', 'gr-1', 'expected no guardrail'],
    ['x-amzn-bedrock-guardrailversion', '1', 'expected no guardrail'],
    ['x-amzn-bedrock-trace', 'ENABLED', 'expected "DISABLED"'],
    ['x-amzn-bedrock-performanceconfig-latency', 'optimized', 'expected "standard"'],
    ['x-amzn-bedrock-service-tier', 'priority', 'expected "default"'],
    ['x-amzn-bedrock-accept', 'text/plain', 'expected "application/json"'],
  ])('with %s: %s are refused and not ignored', (name, value, sentence) => {
    const problem = headerProblem(new Headers({ [name]: value }));
    expect(problem?.path).toBe(name);
    expect(problem?.message).toContain(sentence);
  });

  test.each([
    ['content-type', 'application/json; charset=utf-8'],
    ['content-type', 'application/octet-stream'],
    ['x-amzn-bedrock-trace', 'DISABLED'],
    ['x-amzn-bedrock-performanceconfig-latency', 'standard'],
    ['accept', 'application/vnd.amazon.eventstream'],
  ])('with %s: %s pass', (name, value) => {
    expect(headerProblem(new Headers({ [name]: value }))).toBeNull();
  });
});

describe('a body of CountTokens', () => {
  function counted(body: unknown): string {
    const result = bodyToCount(new TextEncoder().encode(JSON.stringify(body)));
    return result.ok
      ? new TextDecoder().decode(result.value)
      : `${result.error.path}: ${result.error.message}`;
  }

  test('holds that of an InvokeModel, of which only what is counted stays', () => {
    const inner = `{"max_tokens":10,"temperature":0,${VERSION},"system":"é","metadata":{}}`;
    const encoded = btoa(String.fromCharCode(...new TextEncoder().encode(inner)));
    expect(counted({ input: { invokeModel: { body: encoded } } })).toBe(inner);
    expect(translated(inner, { model: MODEL }, [...NOT_COUNTED]).text).toBe(
      `{"model":"${MODEL}","system":"é"}`,
    );
  });

  test.each([
    ['no input', {}, 'input: expected {"invokeModel"'],
    [
      'a conversation',
      { input: { converse: { messages: [] } } },
      'input.converse: this gateway has no Converse',
    ],
    ['no body', { input: { invokeModel: {} } }, 'input.invokeModel.body: expected'],
    ['broken base64', { input: { invokeModel: { body: 'a*b' } } }, 'input.invokeModel.body: expected'],
    ['a list for a body', [], 'Malformed input request: #: expected a JSON object'],
  ])('with %s is refused, naming the field', (_what, body, sentence) => {
    expect(counted(body)).toContain(sentence);
  });
});
