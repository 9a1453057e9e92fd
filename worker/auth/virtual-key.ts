/**
 * Virtual keys: `bk_<cost center>.<key id>.<generation>_<mac>`. A key proves by itself that this gateway issued
 * it for that cost center, so a forged one costs one HMAC and reaches no object and no database. Whether it is
 * still good (revoked, disabled, expired) is the wallet's to know.
 */

import { toBase64Url } from '../../durable-objects/core/base64url.ts';
import type { KeySecret } from '../bindings.ts';

export interface VerifiedKey {
  costCenter: string;
  keyId: string;
  /** Of the secret it was signed with. */
  generation: number;
}

/** Longer than any key can be: prefix 3, cost center 63, key id 25, generation 6, mac 43, separators 3. */
const MAX_KEY_LENGTH = 160;
const KEY = /^bk_([a-z0-9-]{1,63})\.([ek][0-9a-f]{24})\.([1-9]\d{0,5})_([A-Za-z0-9_-]{43})$/;

const encoder = new TextEncoder();

/** Imported once a secret: importing costs more than signing. The resolved key is kept, since a promise belongs to its request. */
const importedKeys = new WeakMap<KeySecret, CryptoKey>();

async function importedKey(secret: KeySecret): Promise<CryptoKey> {
  const known = importedKeys.get(secret);
  if (known) return known;
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret.secret), algorithm, false, ['sign']);
  importedKeys.set(secret, key);
  return key;
}

/** The mac segment of a key, over a JSON array: no two keys can share an encoding. */
async function macOf(costCenter: string, keyId: string, secret: KeySecret): Promise<string> {
  const signed = encoder.encode(JSON.stringify(['bursar virtual key', costCenter, keyId, secret.generation]));
  const mac = await crypto.subtle.sign('HMAC', await importedKey(secret), signed);
  return toBase64Url(new Uint8Array(mac));
}

/** The secret text of a key, signed with the newest secret. It is shown once and stored nowhere. */
export async function issueKey(
  costCenter: string,
  keyId: string,
  secrets: readonly [KeySecret, ...KeySecret[]],
): Promise<string> {
  const [newest] = secrets;
  return `bk_${costCenter}.${keyId}.${newest.generation}_${await macOf(costCenter, keyId, newest)}`;
}

/**
 * What a key says, if one of `secrets` signed it, else null. At most one HMAC: the generation picks the secret.
 * The encoded macs are compared, so that a key has one spelling only.
 */
export async function verifyKey(text: string, secrets: readonly KeySecret[]): Promise<VerifiedKey | null> {
  if (text.length > MAX_KEY_LENGTH) return null;
  const [, costCenter, keyId, generationText, mac] = KEY.exec(text) ?? [];
  if (!costCenter || !keyId || !mac) return null;
  const generation = Number(generationText);
  const secret = secrets.find((each) => each.generation === generation);
  if (!secret) return null;
  const expected = await macOf(costCenter, keyId, secret);
  const isGenuine = crypto.subtle.timingSafeEqual(encoder.encode(mac), encoder.encode(expected));
  return isGenuine ? { costCenter, keyId, generation } : null;
}

/** Where a wallet's storage must stay; null: anywhere. */
export type Jurisdiction = 'eu' | null;

/**
 * A new random key id. Its first letter tells the jurisdiction of the cost center's wallet, so that a turn
 * finds the wallet from its key alone; the mac vouches for it.
 */
export function newKeyId(jurisdiction: Jurisdiction): string {
  const random = crypto.getRandomValues(new Uint8Array(12));
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${jurisdiction === 'eu' ? 'e' : 'k'}${hex}`;
}

/** The jurisdiction a key id tells. */
export function jurisdictionOf(keyId: string): Jurisdiction {
  return keyId.startsWith('e') ? 'eu' : null;
}

/**
 * The virtual key of a request: `x-bursar-key`, where another credential is in the usual place; else `Authorization:
 * Bearer` or `x-api-key`, null where there is none of them. A client may send both of these (Claude Code with a key of
 * its own set besides): then the one that looks like a virtual key.
 */
export function credentialOf(headers: Headers): string | null {
  const [, bearer = null] = /^bearer +(\S+) *$/i.exec(headers.get('authorization') ?? '') ?? [];
  const apiKey = headers.get('x-api-key')?.trim() || null;
  const beside = headers.get('x-bursar-key')?.trim();
  if (beside) return beside;
  return [bearer, apiKey].find((each) => each?.startsWith('bk_')) ?? bearer ?? apiKey;
}
