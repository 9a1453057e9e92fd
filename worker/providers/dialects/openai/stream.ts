/**
 * A Messages event stream as the stream of a chat completion: one read of the source makes one write, at the client's
 * pace. A client that leaves cancels the source at once.
 */
import { ChunkWriter } from './chunk-writer.ts';
import type { Asked } from './request.ts';

/** What is thought is not shown: a comment tells the client that somebody is still there. */
const LONGEST_SILENCE_MS = 5_000;
const COMMENT = new TextEncoder().encode(': ping\n\n');

/**
 * The translation breaks where the source breaks, or ends without the end of an answer. It tells of an error before
 * that: there are platforms that end what breaks as if it were whole.
 */
export function translateStream(
  source: ReadableStream<Uint8Array>,
  asked: Asked,
  nowMs: () => number,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  const writer = new ChunkWriter(asked, Math.floor(nowMs() / 1000));
  const encoder = new TextEncoder();
  let writtenAtMs = nowMs();
  let broken: unknown = null;

  const next = async (): Promise<{ bytes: Uint8Array | null; isEnd: boolean; isWhole: boolean }> => {
    for (;;) {
      const { done, value } = await reader.read();
      let isWhole = false;
      if (done) isWhole = writer.end();
      else writer.push(value);
      const text = writer.take();
      if (done || text !== '') {
        writtenAtMs = nowMs();
        return { bytes: text === '' ? null : encoder.encode(text), isEnd: done, isWhole };
      }
      if (nowMs() - writtenAtMs >= LONGEST_SILENCE_MS) {
        writtenAtMs = nowMs();
        return { bytes: COMMENT, isEnd: false, isWhole };
      }
    }
  };

  return new ReadableStream(
    {
      async pull(controller) {
        if (broken !== null) return controller.error(broken);
        try {
          const { bytes, isEnd, isWhole } = await next();
          if (isEnd && !isWhole) throw new TypeError('the answer ended before its end');
          if (bytes) controller.enqueue(bytes);
          if (isEnd) controller.close();
        } catch (error) {
          broken = error;
          writer.breakOff();
          const text = writer.take();
          if (text === '') controller.error(error);
          else controller.enqueue(encoder.encode(text));
          await reader.cancel(error).catch(() => undefined);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
