/**
 * The Anthropic API as an upstream. Body bytes go out as they came in; the only things it adds are its own
 * credential and the wish for an uncompressed answer, so that the answer's bytes can be metered as they pass.
 */
import { createMessagesMeter } from './messages-meter.ts';
import type { Provider, ProviderRequest } from './provider.ts';

/** Hexadecimal digits of the credential's fingerprint: enough to tell keys apart, nothing to guess one from. */
const FINGERPRINT_DIGITS = 8;

export interface AnthropicOptions {
  /** Scheme and host, with a path where the API sits behind one; no slash at the end. */
  upstreamUrl: string;
  apiKey: string;
}

/**
 * Makes the provider. Asynchronous only for the key's fingerprint (SHA-256); keep the provider, not the promise,
 * for an isolate's later requests.
 */
export async function createAnthropicProvider(options: AnthropicOptions): Promise<Provider> {
  return {
    name: 'anthropic',
    credentialId: await fingerprintKey(options.apiKey),
    send: (request) => sendToAnthropic(options, request),
    meter: createMessagesMeter,
  };
}

/** Names a key in the ledger without revealing it: `anthropic-3fa9c1d2`. */
export async function fingerprintKey(apiKey: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(apiKey));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `anthropic-${hex.slice(0, FINGERPRINT_DIGITS)}`;
}

async function sendToAnthropic(options: AnthropicOptions, request: ProviderRequest): Promise<Response> {
  // Without the slash the path could continue the host's name and carry the key elsewhere.
  if (!request.path.startsWith('/')) throw new RangeError(`not a path: ${request.path}`);
  const headers = new Headers(request.headers);
  headers.delete('authorization');
  headers.set('x-api-key', options.apiKey);
  headers.set('accept-encoding', 'identity');
  return fetch(options.upstreamUrl + request.path, {
    method: request.method,
    headers,
    body: request.body,
    // A redirect is the upstream's answer, not a place to take the key to.
    redirect: 'manual',
    signal: request.signal,
  });
}
