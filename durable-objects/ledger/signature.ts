/**
 * Signatures of documents: Ed25519 (RFC 8032) over the canonical form of a JSON value (RFC 8785). Whoever has the value
 * and the deployment's public keys can verify it, in any language.
 */
import canonicalize from 'canonicalize';
import { fromBase64Url, toBase64Url } from '../core/base64url.ts';
import type { SigningKeyText } from '../core/signing-keys.ts';

export interface Signature {
  algorithm: 'Ed25519';
  /** The generation of the key in `SIGNING_KEYS`. */
  key: number;
  /** 64 bytes in base64url. */
  value: string;
}

/** A public key as it is published, for those who verify elsewhere. */
export interface PublicKey {
  generation: number;
  /** 32 bytes in base64url. */
  public_key: string;
}

/** What stands before the seed in PKCS #8 (RFC 8410), the one form of a private key that Web Crypto takes. */
const PKCS8_PREFIX = Uint8Array.from([48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32]);
const encoder = new TextEncoder();

/** The canonical text of a JSON value. Throws on what is no JSON. */
export function canonicalText(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('not a JSON value');
  return text;
}

async function privateKeyOf(seed: string): Promise<CryptoKey> {
  const bytes = fromBase64Url(seed);
  if (bytes?.byteLength !== 32) throw new RangeError('a seed has 32 bytes');
  const pkcs8 = new Uint8Array([...PKCS8_PREFIX, ...bytes]);
  return await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', true, ['sign']);
}

/** The public key of a listed key, 32 bytes in base64url. */
export async function publicKeyOf(key: SigningKeyText): Promise<string> {
  if ('publicKey' in key) return key.publicKey;
  const exported = await crypto.subtle.exportKey('jwk', await privateKeyOf(key.seed));
  return (exported as JsonWebKey).x ?? '';
}

/** All listed keys as they are published, newest first. */
export async function publicKeysOf(keys: readonly SigningKeyText[]): Promise<PublicKey[]> {
  return await Promise.all(
    keys.map(async (key) => ({ generation: key.generation, public_key: await publicKeyOf(key) })),
  );
}

/** Signs a JSON value with the newest key. */
export async function signDocument(
  document: unknown,
  [newest]: readonly SigningKeyText[],
): Promise<Signature> {
  if (!newest || !('seed' in newest)) throw new RangeError('there is no key to sign with');
  const key = await privateKeyOf(newest.seed);
  const signed = await crypto.subtle.sign('Ed25519', key, encoder.encode(canonicalText(document)));
  return { algorithm: 'Ed25519', key: newest.generation, value: toBase64Url(new Uint8Array(signed)) };
}

/** Whether the signature is of this very value, by a published key. False for one of a key that is not listed. */
export async function isSignedBy(
  document: unknown,
  signature: Signature,
  keys: readonly PublicKey[],
): Promise<boolean> {
  const listed = keys.find(({ generation }) => generation === signature.key);
  const [publicKey, value] = [fromBase64Url(listed?.public_key ?? ''), fromBase64Url(signature.value)];
  if (!listed || publicKey?.byteLength !== 32 || value?.byteLength !== 64) return false;
  const key = await crypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']);
  return await crypto.subtle.verify('Ed25519', key, value, encoder.encode(canonicalText(document)));
}
