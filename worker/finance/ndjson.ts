/** Compressed NDJSON: written with its digest, and read line by line with it. Holds one page and the compressed bytes. */

export interface Packed {
  /** gzip */
  compressed: ArrayBuffer;
  /** Of the text before compression, hexadecimal. */
  sha256: string;
  /** Of the text before compression. */
  bytes: number;
}

function hexOf(digest: ArrayBuffer): string {
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Packs pages of lines. Rejects where reading them does. */
export async function pack(pages: AsyncIterable<readonly string[]>): Promise<Packed> {
  const gzip = new CompressionStream('gzip');
  const digest = new crypto.DigestStream('SHA-256');
  const compressed = new Response(gzip.readable).arrayBuffer();
  const outputs = [gzip.writable.getWriter(), digest.getWriter()];
  let bytes = 0;
  try {
    for await (const lines of pages) {
      const chunk = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
      bytes += chunk.byteLength;
      await Promise.all(outputs.map((each) => each.write(chunk)));
    }
    await Promise.all(outputs.map((each) => each.close()));
  } catch (error) {
    compressed.catch(() => undefined);
    digest.digest.catch(() => undefined);
    await Promise.allSettled(outputs.map((each) => each.abort(error)));
    throw error;
  }
  return { compressed: await compressed, sha256: hexOf(await digest.digest), bytes };
}

/** The lines of a packed body, as many at once as come; `onEnd` is told the digest of all. Throws where it is no gzip. */
export async function* unpack(
  body: ReadableStream<Uint8Array>,
  onEnd: (sha256: string) => void = () => undefined,
): AsyncGenerator<string[]> {
  const digest = new crypto.DigestStream('SHA-256');
  const digesting = digest.getWriter();
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body.pipeThrough(new DecompressionStream('gzip'))) {
    await digesting.write(chunk);
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n');
    rest = lines.pop() ?? '';
    if (lines.length > 0) yield lines;
  }
  await digesting.close();
  onEnd(hexOf(await digest.digest));
  if (rest !== '') yield [rest];
}
