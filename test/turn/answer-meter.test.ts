import { expect, test } from 'vitest';
import { passThrough } from '../../worker/turn/answer-meter.ts';
import { messageStart } from './gateway.ts';

test('a client that left while the first bytes were waited for is charged by what they say of the usage', () => {
  const heard: string[] = [];
  const observer = {
    seen: (chunk: Uint8Array) => heard.push(new TextDecoder().decode(chunk)),
    ended: (ending: string) => heard.push(ending),
    lastWords: () => null,
  };
  const source = {
    reader: new ReadableStream<Uint8Array>().getReader(),
    first: new TextEncoder().encode(messageStart()),
  };
  passThrough(source, observer, AbortSignal.abort(), () => heard.push('aborted'));
  expect(heard).toEqual([messageStart(), 'client_gone', 'aborted']);
});
