/** Signatures over canonical JSON, with the test vectors of RFC 8032 and the example of RFC 8785. */
import { expect, test } from 'vitest';
import { toBase64Url } from '../../durable-objects/core/base64url.ts';
import { readSigningKeys, type SigningKeyText } from '../../durable-objects/core/signing-keys.ts';
import {
  canonicalText,
  isSignedBy,
  publicKeyOf,
  publicKeysOf,
  signDocument,
} from '../../durable-objects/ledger/signature.ts';

function hex(text: string): string {
  return toBase64Url(Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)));
}

/** RFC 8032, 7.1, test 1. */
const SEED = hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
const PUBLIC = hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
const KEYS: SigningKeyText[] = [{ generation: 1, seed: SEED }];

test('the public key of a seed is that of RFC 8032', async () => {
  expect(await publicKeyOf({ generation: 1, seed: SEED })).toBe(PUBLIC);
});

test('a document has one canonical text, whatever the order of its members (RFC 8785)', () => {
  const numbers = [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001];
  const text = '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"ö":"€"}';
  expect(canonicalText({ ö: '€', numbers, literals: [null, true, false] })).toBe(text);
  expect(() => canonicalText(undefined)).toThrow();
});

test('a signature holds for the value, and for no other', async () => {
  const document = { version: 3, policy: { budgets: [{ id: 'team', limit_usd: '500.00' }] } };
  const signature = await signDocument(document, KEYS);
  const keys = await publicKeysOf(KEYS);
  expect(signature).toMatchObject({ algorithm: 'Ed25519', key: 1 });
  const reordered = { policy: { budgets: [{ limit_usd: '500.00', id: 'team' }] }, version: 3 };
  expect(await isSignedBy(reordered, signature, keys)).toBe(true);
  expect(await isSignedBy({ ...document, version: 4 }, signature, keys)).toBe(false);
  const flipped = signature.value.startsWith('A') ? 'B' : 'A';
  expect(await isSignedBy(document, { ...signature, value: flipped + signature.value.slice(1) }, keys)).toBe(
    false,
  );
  expect(await isSignedBy(document, { ...signature, value: 'short' }, keys)).toBe(false);
});

test('after a rotation the new key signs, and the old public key verifies what it signed', async () => {
  const before = await signDocument({ version: 1 }, KEYS);
  const rotated = readSigningKeys(`2:${hex('07'.repeat(32))}, 1:public.${PUBLIC}`);
  if (!rotated.ok) throw new Error(rotated.error);
  const keys = await publicKeysOf(rotated.value);
  expect(await isSignedBy({ version: 1 }, before, keys)).toBe(true);
  const after = await signDocument({ version: 1 }, rotated.value);
  expect(after.key).toBe(2);
  expect(await isSignedBy({ version: 1 }, after, await publicKeysOf(KEYS))).toBe(false);
});

test.each([
  [undefined, 'SIGNING_KEYS: expected "<generation>:<32 bytes in base64url>"'],
  ['1:short', 'SIGNING_KEYS: expected'],
  [`1:${SEED},1:${SEED}`, 'every generation once'],
  [`0:${SEED}`, 'SIGNING_KEYS: expected'],
  [`1:public.${PUBLIC}`, 'the newest key has to sign'],
])('%j is no list of keys', (text, error) => {
  expect(readSigningKeys(text)).toMatchObject({ ok: false, error: expect.stringContaining(error) });
});
