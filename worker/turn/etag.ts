/** Answers that a client may have already: an entity tag of the text, and 304 where it has it. */

/** A strong entity tag of a text, quotes included. */
export async function etagOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `"${hex.slice(0, 32)}"`;
}

/** Whether `If-None-Match` names this tag; weak marks are no difference, as for every GET. */
export function isKnown(request: Request, etag: string): boolean {
  const known = request.headers.get('if-none-match') ?? '';
  return known.split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === etag);
}

/** The text with its tag, or 304 without it. */
export function taggedResponse(
  request: Request,
  text: string,
  etag: string,
  headers: Record<string, string>,
): Response {
  const tagged = { ...headers, etag };
  return isKnown(request, etag)
    ? new Response(null, { status: 304, headers: tagged })
    : new Response(text, { headers: tagged });
}
