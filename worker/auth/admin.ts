/** The bootstrap credential of the admin API: the `ADMIN_TOKEN`, as Bearer. */

const encoder = new TextEncoder();

/**
 * Whether the request carries the admin token. Digests are compared, in constant time, so that neither the
 * token's content nor its length shows in how long the answer takes.
 */
export async function isAdmin(headers: Headers, adminToken: string): Promise<boolean> {
  const [, offered = ''] = /^bearer +(\S+) *$/i.exec(headers.get('authorization') ?? '') ?? [];
  const [offeredDigest, expectedDigest] = await Promise.all([
    crypto.subtle.digest('SHA-256', encoder.encode(offered)),
    crypto.subtle.digest('SHA-256', encoder.encode(adminToken)),
  ]);
  return crypto.subtle.timingSafeEqual(offeredDigest, expectedDigest);
}
