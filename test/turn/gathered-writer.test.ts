import { describe, expect, test } from 'vitest';
import { GatheredWriter } from '../../worker/turn/gathered-writer.ts';

const KB = 1024;
const encoder = new TextEncoder();

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function writerWithClient() {
  const { readable, writable } = new IdentityTransformStream();
  let failures = 0;
  const countFailure = () => {
    failures += 1;
  };
  const writer = new GatheredWriter(writable.getWriter(), countFailure);
  return { writer, client: readable.getReader(), failures: () => failures };
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
    await writer.close();
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
      await writer.close();
    })();
    await pause(20);
    expect(taken).toBeLessThan(12);
    const arrived = await readAll(client);
    await sent;
    expect(arrived.join('').length).toBe(100 * 8 * KB);
  });

  test('that find their client gone tell so', async () => {
    const { writer, client, failures } = writerWithClient();
    await client.cancel();
    await writer.write(encoder.encode('lost'));
    await writer.close();
    expect(failures()).toBe(1);
  });
});
