/** The answer that is a file for the offline verifier. */
import { streamOf } from '../../finance/part-stream.ts';

/** A file that is made as it is read. */
export async function fileAnswer(parts: Parameters<typeof streamOf>[0], name: string): Promise<Response> {
  const headers = {
    'content-type': 'application/x-ndjson; charset=utf-8',
    'content-disposition': `attachment; filename="${name}.ndjson"`,
    'cache-control': 'no-store',
  };
  return new Response(await streamOf(parts), { headers });
}
