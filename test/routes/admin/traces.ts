/** Where the name of a developer who left is still to be found. Their names are like `leaver"1"@example.com`. */
import { env } from 'cloudflare:workers';

/** All text of all tables of D1. */
export async function storedInD1(): Promise<string> {
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT LIKE 'sqlite_%'",
  ).all<{ name: string }>();
  const tables = await env.DB.batch(results.map(({ name }) => env.DB.prepare(`SELECT * FROM ${name}`)));
  return JSON.stringify(tables.map((table) => table.results));
}

/** How a name shows in JSON within JSON, as often as it was quoted. */
export function traceOf(name: string): RegExp {
  const [person = ''] = /leaver\D*\d+/.exec(name) ?? [];
  return new RegExp(person.replace('"', '[\\\\"]+'));
}

/** All text of all objects in the bucket, unpacked. */
export async function storedInBucket(): Promise<string> {
  const texts: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await env.ARCHIVE.list(cursor === undefined ? {} : { cursor });
    for (const { key } of page.objects) {
      const object = await env.ARCHIVE.get(key);
      if (object)
        texts.push(await new Response(object.body.pipeThrough(new DecompressionStream('gzip'))).text());
    }
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return texts.join('');
}
