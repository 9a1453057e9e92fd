import { describe, expect, test } from 'vitest';
import { ClientStream } from '../../worker/turn/client-stream.ts';
import { GatheredWriter } from '../../worker/turn/gathered-writer.ts';

const KB = 1024;
const encoder = new TextEncoder();

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function writerWithClient() {
  let timesGone = 0;
  const stream = new ClientStream(() => {
    timesGone += 1;
  });
  return {
    writer: new GatheredWriter(stream),
    client: stream.readable.getReader(),
    timesGone: () => timesGone,
  };
}

/** What a client reads to the end, chunk by chunk. */
async function readAll(client: ReadableStreamDefaultReader<Uint8Array>): Promise<string[]> {
  const decoder = new TextDecoder();
  const texts: string[] = [];
  for (;;) {
    const { done, value } = await client.read();
    if (done) return texts;
    texts.push(decoder.decode(value));
  }
}

describe('chunks on their way to a client', () => {
  test('that come in a burst keep their bytes and order, and take few writes', async () => {
    const { writer, client } = writerWithClient();
    const read = readAll(client);
    const texts = Array.from({ length: 50 }, (_, index) => `chunk ${index};`);
    for (const text of texts) await writer.write(encoder.encode(text));
    writer.close();
    const arrived = await read;
    expect(arrived.join('')).toBe(texts.join(''));
    expect(arrived.length).toBeLessThan(5);
  });

  test('that follow on another’s heels arrive without waiting for a further one', async () => {
    const { writer, client } = writerWithClient();
    await writer.write(encoder.encode('first'));
    await writer.write(encoder.encode('second'));
    let text = '';
    while (text !== 'firstsecond') text += new TextDecoder().decode((await client.read()).value);
    expect(text).toBe('firstsecond');
  });

  test('do not pile up before a client that does not read', async () => {
    const { writer, client } = writerWithClient();
    let taken = 0;
    const sent = (async () => {
      for (; taken < 100; taken += 1) await writer.write(new Uint8Array(8 * KB));
      writer.close();
    })();
    await pause(20);
    expect(taken).toBeLessThan(12);
    const arrived = await readAll(client);
    await sent;
    expect(arrived.join('').length).toBe(100 * 8 * KB);
  });

  test('that find their client gone tell so', async () => {
    const { writer, client, timesGone } = writerWithClient();
    await client.cancel();
    expect(timesGone()).toBe(1);
    await writer.write(encoder.encode('lost'));
    writer.close();
    expect(timesGone()).toBe(1);
  });

  test('are not waited for where the client goes while they wait for it', async () => {
    const { writer, client } = writerWithClient();
    await writer.write(new Uint8Array(KB));
    const waiting = writer.write(new Uint8Array(100 * KB));
    await client.cancel();
    await waiting;
  });

  test('that were cut off break the stream, behind what came before', async () => {
    const { writer, client } = writerWithClient();
    await writer.write(encoder.encode('half'));
    const broken = writer.abort(new Error('cut'));
    expect(new TextDecoder().decode((await client.read()).value)).toBe('half');
    await expect(client.read()).rejects.toThrow('cut');
    await broken;
  });
});
