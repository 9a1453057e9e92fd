/**
 * Where spans are sent: `OTLP_ENDPOINT` and `OTLP_HEADERS`, read as OpenTelemetry's own variables of that kind
 * (https://opentelemetry.io/docs/specs/otel/protocol/exporter/): a base address, and `name=value,name=value` with
 * percent-encoding. Errors name the variable and never a value, which may be a secret.
 */
import { err, ok, type Result } from './result.ts';

export interface OtlpDestination {
  /** The whole address, with its path. */
  url: string;
  headers: Readonly<Record<string, string>>;
}

const TRACES_PATH = '/v1/traces';
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** What the sender sets itself, or the connection. */
const OWN_HEADERS = ['content-type', 'content-length', 'host', 'connection', 'transfer-encoding'];

/** Null where no endpoint is configured: nothing is sent. An empty variable is an unset one. */
export function readOtlpDestination(vars: {
  OTLP_ENDPOINT?: string | undefined;
  OTLP_HEADERS?: string | undefined;
}): Result<OtlpDestination | null, string> {
  const endpoint = vars.OTLP_ENDPOINT?.trim() ?? '';
  if (endpoint === '') return ok(null);
  const url = toUrl(endpoint);
  if (!url)
    return err('OTLP_ENDPOINT: expected an https address (http for this machine), without credentials');
  const headers = toHeaders(vars.OTLP_HEADERS?.trim() ?? '');
  if (!headers) return err('OTLP_HEADERS: expected "name=value", comma-separated, values percent-encoded');
  return ok({ url, headers });
}

function toUrl(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const isLocal = url.protocol === 'http:' && LOOPBACK.includes(url.hostname);
  if ((url.protocol !== 'https:' && !isLocal) || url.username !== '' || url.password !== '') return null;
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith(TRACES_PATH) ? path : `${path}${TRACES_PATH}`;
  url.hash = '';
  return url.href;
}

function toHeaders(text: string): Record<string, string> | null {
  const headers: Record<string, string> = {};
  for (const pair of text.split(',').filter((each) => each.trim() !== '')) {
    const [, name = '', encoded = ''] = /^\s*([^=\s]+)\s*=(.*)$/.exec(pair) ?? [];
    const value = decoded(encoded.trim());
    if (!HEADER_NAME.test(name) || OWN_HEADERS.includes(name.toLowerCase())) return null;
    if (value === null || !/^[\x20-\x7e]+$/.test(value)) return null;
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
