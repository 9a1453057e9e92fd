import { describe, expect, test } from 'vitest';
import { MAX_LINE_BYTES, SseLines } from '../../worker/providers/sse-lines.ts';
import { bytes, everyCut } from './recorded.ts';

type Heard = [name: string | null, data: string | null, length: number];

function hear(chunks: Uint8Array[]): Heard[] {
  const heard: Heard[] = [];
  const lines = new SseLines((name, data, length) => {
    heard.push([name, data && new TextDecoder().decode(data), length]);
  });
  for (const chunk of chunks) lines.push(chunk);
  lines.end();
  return heard;
}

describe('the lines of an event stream', () => {
  test.each<[string, string, Heard[]]>([
    ['LF', 'event: a\ndata: 1\n\n', [['a', '1', 1]]],
    ['CRLF', 'event: a\r\ndata: 1\r\n\r\n', [['a', '1', 1]]],
    ['CR', 'event: a\rdata: 1\r\r', [['a', '1', 1]]],
    [
      'mixed line ends',
      'event: a\r\ndata: 1\n\revent: b\rdata: 2\n\n',
      [
        ['a', '1', 1],
        ['b', '2', 1],
      ],
    ],
    ['no space after the colon', 'event:a\ndata:1\n\n', [['a', '1', 1]]],
    ['only one space is syntax', 'data:  1\n\n', [[null, ' 1', 2]]],
    [
      'a name ends with its event',
      'event: a\ndata: 1\n\ndata: 2\n\n',
      [
        ['a', '1', 1],
        [null, '2', 1],
      ],
    ],
    ['data before its name', 'data: 1\nevent: a\n\n', [[null, '1', 1]]],
    ['comments, ids and retries', ': hi\nid: 7\nretry: 1\ndata: 1\n\n', [[null, '1', 1]]],
    ['a last line without its end', 'event: a\ndata: 1', [['a', '1', 1]]],
    ['empty data', 'data:\n\n', [[null, '', 0]]],
    ['multi-byte characters', 'event: ü\ndata: 🌍é\n\n', [['ü', '🌍é', 6]]],
    ['nothing', '', []],
  ])('%s are read the same wherever the chunks are cut', (_, text, expected) => {
    for (const chunks of everyCut(bytes(text))) expect(hear(chunks)).toEqual(expected);
  });

  test('a line over the limit is told by its length, and the next is read again', () => {
    const long = `data: ${'x'.repeat(MAX_LINE_BYTES)}`;
    const stream = bytes(`event: a\n${long}\n\nevent: b\ndata: 1\n\n`);
    const chunks = [stream.slice(0, 500_000), stream.slice(500_000, 900_000), stream.slice(900_000)];
    expect(hear(chunks)).toEqual([
      ['a', null, long.length],
      ['b', '1', 1],
    ]);
  });

  test('a chunk may be reused by its owner after the push', () => {
    const heard: string[] = [];
    const lines = new SseLines((_, data) => heard.push(new TextDecoder().decode(data ?? undefined)));
    const chunk = bytes('data: ab');
    lines.push(chunk);
    chunk.fill(0);
    lines.push(bytes('c\n'));
    expect(heard).toEqual(['abc']);
  });
});
