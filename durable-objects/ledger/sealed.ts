/**
 * Secrets at rest and signed links, by keys derived (HKDF-SHA-256) from the deployment's `KEY_SECRETS`. Functions of
 * their inputs alone: randomness and time are the caller's.
 *
 * A sealed text is `s1.<generation>.<iv>.<AES-256-GCM ciphertext>`; it opens as long as the secret of its generation is
 * listed. A signed text is `<base64url payload>.<generation>.<HMAC-SHA-256>`.
 */
import { fromBase64Url, toBase64Url } from '../core/base64url.ts';
import type { SealingSecret } from '../core/sealing-secret.ts';

const IV_BYTES = 12;
const encoder = new TextEncoder();

async function derive(secret: string, purpose: string, algorithm: 'AES-GCM' | 'HMAC'): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey('raw', encoder.encode(secret), 'HKDF', false, ['deriveKey']);
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encoder.encode(purpose) };
  return algorithm === 'HMAC'
    ? crypto.subtle.deriveKey(hkdf, base, { name: 'HMAC', hash: 'SHA-256', length: 256 }, false, [
        'sign',
        'verify',
      ])
    : crypto.subtle.deriveKey(hkdf, base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

/** Seals a text for one purpose. `iv`: 12 random bytes, never used twice. */
export async function seal(
  text: string,
  purpose: string,
  { generation, secret }: SealingSecret,
  iv: Uint8Array,
): Promise<string> {
  if (iv.byteLength !== IV_BYTES) throw new RangeError(`an iv has ${IV_BYTES} bytes`);
  const key = await derive(secret, purpose, 'AES-GCM');
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, encoder.encode(text));
  return `s1.${generation}.${toBase64Url(iv)}.${toBase64Url(new Uint8Array(sealed))}`;
}

/** The text; null where it was altered, sealed for another purpose, or its secret is no longer listed. */
export async function unseal(
  sealed: string,
  purpose: string,
  secrets: readonly SealingSecret[],
): Promise<string | null> {
  const [, generation, ivText = '', ciphertext = ''] = /^s1\.(\d+)\.([\w-]+)\.([\w-]+)$/.exec(sealed) ?? [];
  const known = secrets.find((each) => String(each.generation) === generation);
  const [iv, bytes] = [fromBase64Url(ivText), fromBase64Url(ciphertext)];
  if (!known || !iv || !bytes) return null;
  try {
    const key = await derive(known.secret, purpose, 'AES-GCM');
    return new TextDecoder().decode(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, bytes));
  } catch {
    return null;
  }
}

/** Signs a payload for one purpose, to be carried by whoever holds it. */
export async function signText(
  payload: string,
  purpose: string,
  { generation, secret }: SealingSecret,
): Promise<string> {
  const key = await derive(secret, purpose, 'HMAC');
  const mac = await crypto.subtle.sign('HMAC', key, encoder.encode(`${generation}.${payload}`));
  return `${toBase64Url(encoder.encode(payload))}.${generation}.${toBase64Url(new Uint8Array(mac))}`;
}

/** The payload; null where it was altered, signed for another purpose, or its secret is no longer listed. */
export async function verifyText(
  signed: string,
  purpose: string,
  secrets: readonly SealingSecret[],
): Promise<string | null> {
  const [, payloadText = '', generation, macText = ''] = /^([\w-]+)\.(\d+)\.([\w-]+)$/.exec(signed) ?? [];
  const known = secrets.find((each) => String(each.generation) === generation);
  const [payload, mac] = [fromBase64Url(payloadText), fromBase64Url(macText)];
  if (!known || !payload || !mac) return null;
  const text = new TextDecoder().decode(payload);
  const key = await derive(known.secret, purpose, 'HMAC');
  const isRight = await crypto.subtle.verify('HMAC', key, mac, encoder.encode(`${generation}.${text}`));
  return isRight ? text : null;
}
