/** A chat's headers as those of a Messages request. */

/** What tells OpenAI about its own client and account. */
const NOT_MEANT = /^(?:openai-|x-stainless-)/;
const SESSION_HEADER = 'x-claude-code-session-id';
const MAX_NAME_LENGTH = 200;

/** `session` names the session of a client that names none itself; null where nothing does. */
export function messagesHeaders(client: Headers, session: string | null): Headers {
  const headers = new Headers();
  for (const [name, value] of client) if (!NOT_MEANT.test(name)) headers.append(name, value);
  if (session !== null && !headers.has(SESSION_HEADER)) headers.set(SESSION_HEADER, headerSafe(session));
  return headers;
}

/** A key may hold anything, a header may not; two keys stay two. */
function headerSafe(session: string): string {
  const name = session.slice(0, MAX_NAME_LENGTH);
  return /^[\x21-\x7e]+$/.test(name)
    ? name
    : encodeURIComponent(name.toWellFormed()).slice(0, MAX_NAME_LENGTH);
}
