/** Headers on their way: what of the client's goes upstream, and what of the upstream's comes back. */

/** Of one connection only, or made anew on the next (RFC 9110 §7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** The client's credentials, its address, and what is Bursar's own to consume. */
const NOT_UPSTREAM = new Set([
  ...HOP_BY_HOP,
  'accept-encoding',
  'authorization',
  'cdn-loop',
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'true-client-ip',
  'via',
  'x-api-key',
  'x-client-request-id',
  'x-real-ip',
]);
const NOT_UPSTREAM_PREFIXES = ['cf-', 'x-bursar-', 'x-claude-code-', 'x-forwarded-'];

/** The organisation's limits are not the developer's to see, and bodies arrive here decoded. */
const NOT_DOWNSTREAM = new Set([...HOP_BY_HOP, 'content-encoding', 'content-length', 'set-cookie']);
const NOT_DOWNSTREAM_PREFIXES = ['anthropic-ratelimit-', 'cf-', 'x-bursar-'];

/** Directives for the built-in simulator; no other provider sees them. */
const SIMULATE_PREFIX = 'x-bursar-simulate';

function isNamed(name: string, names: ReadonlySet<string>, prefixes: readonly string[]): boolean {
  return names.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
}

/**
 * The headers to send upstream. `anthropic-version` is the client's, or `defaultVersion` where it names none.
 */
export function upstreamHeaders(client: Headers, defaultVersion: string, isSimulator: boolean): Headers {
  const headers = new Headers();
  for (const [name, value] of client) {
    const isDirective = isSimulator && name.startsWith(SIMULATE_PREFIX);
    if (isDirective || !isNamed(name, NOT_UPSTREAM, NOT_UPSTREAM_PREFIXES)) headers.append(name, value);
  }
  if (!headers.has('anthropic-version')) headers.set('anthropic-version', defaultVersion);
  return headers;
}

/** The headers of the upstream's answer that the client gets. */
export function downstreamHeaders(upstream: Headers): Headers {
  const headers = new Headers();
  for (const [name, value] of upstream) {
    if (!isNamed(name, NOT_DOWNSTREAM, NOT_DOWNSTREAM_PREFIXES)) headers.append(name, value);
  }
  return headers;
}
