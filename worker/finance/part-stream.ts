/** Parts of an export as the body of an answer: the next one is made when the last one was taken. */
import type { Part } from './export.ts';

/**
 * Waits for the first records, so that a database that is away or an archived object that is missing is still an
 * error of its own; what goes wrong later breaks the body off, which a client sees as an incomplete transfer and never
 * as a short export.
 */
export async function streamOf(parts: AsyncGenerator<Part>): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  let next = await parts.next();
  let header = '';
  if (!next.done && next.value.rows === 0) {
    header = next.value.text;
    next = await parts.next();
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (header !== '') {
        controller.enqueue(encoder.encode(header));
        header = '';
        return;
      }
      // An empty text is no chunk: refusals alone make no rows of FOCUS.
      while (!next.done && next.value.text === '') next = await parts.next();
      if (next.done) {
        controller.close();
        return;
      }
      controller.enqueue(encoder.encode(next.value.text));
      next = await parts.next();
    },
    async cancel() {
      await parts.return(undefined);
    },
  });
}
