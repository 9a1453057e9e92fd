import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  credentialOf,
  issueKey,
  jurisdictionOf,
  newKeyId,
  verifyKey,
} from '../../worker/auth/virtual-key.ts';
import type { KeySecret } from '../../worker/bindings.ts';

const FIRST: KeySecret = { generation: 1, secret: 'the first secret, 32 characters or more' };
const SECOND: KeySecret = { generation: 2, secret: 'the second secret, 32 characters or more' };
const KEY_ID = 'k0123456789abcdef01234567';

afterEach(() => vi.restoreAllMocks());

describe('a virtual key', () => {
  test('proves itself against the secret that signed it', async () => {
    const key = await issueKey('platform-squad', KEY_ID, [FIRST]);
    expect(key).toMatch(/^bk_platform-squad\.k0123456789abcdef01234567\.1_[A-Za-z0-9_-]{43}$/);
    expect(await verifyKey(key, [FIRST])).toEqual({
      costCenter: 'platform-squad',
      keyId: KEY_ID,
      generation: 1,
    });
  });

  test('lives on while its secret is rotated, and dies with it', async () => {
    const old = await issueKey('platform-squad', KEY_ID, [FIRST]);
    expect(await verifyKey(old, [SECOND, FIRST])).toMatchObject({ generation: 1 });
    expect(await verifyKey(old, [SECOND])).toBeNull();
    const renewed = await issueKey('platform-squad', KEY_ID, [SECOND, FIRST]);
    expect(await verifyKey(renewed, [SECOND, FIRST])).toMatchObject({ generation: 2 });
  });

  test('is void with any of its characters changed', async () => {
    const key = await issueKey('squad', KEY_ID, [FIRST, SECOND]);
    for (let at = 0; at < key.length; at++) {
      const other = key[at] === 'a' ? 'b' : 'a';
      expect(await verifyKey(key.slice(0, at) + other + key.slice(at + 1), [FIRST, SECOND])).toBeNull();
    }
  });

  test('has one spelling: the spare bits of its last character count', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const key = await issueKey('squad', KEY_ID, [FIRST]);
    const last = alphabet.indexOf(key.at(-1) ?? '');
    for (const spare of [1, 2, 3]) {
      expect(await verifyKey(key.slice(0, -1) + alphabet[last ^ spare], [FIRST])).toBeNull();
    }
  });

  test.each([
    ['another cost center', 'bk_other.k0123456789abcdef01234567'],
    ['another key', 'bk_squad.k0123456789abcdef01234568'],
    ['another jurisdiction', 'bk_squad.e0123456789abcdef01234567'],
  ])('cannot be used for %s', async (_what, start) => {
    const mac = (await issueKey('squad', KEY_ID, [FIRST])).split('.')[2];
    expect(await verifyKey(`${start}.${mac}`, [FIRST])).toBeNull();
  });

  test('costs one HMAC to refuse when forged, whatever the number of secrets', async () => {
    await verifyKey(await issueKey('squad', KEY_ID, [FIRST]), [FIRST]);
    const sign = vi.spyOn(crypto.subtle, 'sign');
    const importKey = vi.spyOn(crypto.subtle, 'importKey');
    expect(await verifyKey(`bk_squad.${KEY_ID}.1_${'A'.repeat(43)}`, [SECOND, FIRST])).toBeNull();
    expect(sign).toHaveBeenCalledTimes(1);
    expect(importKey).not.toHaveBeenCalled();
  });

  test.each([
    ['nothing', ''],
    ['an upstream key', 'sk-ant-api03-whatever'],
    ['an unknown generation', `bk_squad.${KEY_ID}.9_${'A'.repeat(43)}`],
    ['generation zero', `bk_squad.${KEY_ID}.0_${'A'.repeat(43)}`],
    ['a short mac', `bk_squad.${KEY_ID}.1_${'A'.repeat(42)}`],
    ['a cost center in capitals', `bk_SQUAD.${KEY_ID}.1_${'A'.repeat(43)}`],
    ['a key of 10 KB', `bk_${'a'.repeat(10_240)}.${KEY_ID}.1_${'A'.repeat(43)}`],
    ['a line break after it', `bk_squad.${KEY_ID}.1_${'A'.repeat(43)}\n`],
  ])('is refused without an HMAC: %s', async (_what, text) => {
    const sign = vi.spyOn(crypto.subtle, 'sign');
    expect(await verifyKey(text, [FIRST, SECOND])).toBeNull();
    expect(sign).not.toHaveBeenCalled();
  });
});

describe('a key id', () => {
  test('tells the jurisdiction, is random, and fits into a key', async () => {
    const ids = [newKeyId('eu'), newKeyId(null), newKeyId(null)];
    expect(ids.map(jurisdictionOf)).toEqual(['eu', null, null]);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) {
      expect(await verifyKey(await issueKey('x'.repeat(63), id, [SECOND]), [SECOND])).toMatchObject({
        keyId: id,
      });
    }
  });
});

describe('the credential of a request', () => {
  test.each<[string, Record<string, string>, string | null]>([
    ['Bearer', { authorization: 'Bearer bk_a' }, 'bk_a'],
    ['bearer in any case', { authorization: 'bEaReR bk_a' }, 'bk_a'],
    ['x-api-key', { 'x-api-key': 'bk_a' }, 'bk_a'],
    ['both: Bearer goes first', { authorization: 'Bearer bk_a', 'x-api-key': 'bk_b' }, 'bk_a'],
    ['both: the virtual key goes first', { authorization: 'Bearer eyJhbGciOi', 'x-api-key': 'bk_b' }, 'bk_b'],
    ['no virtual key', { 'x-api-key': 'sk-ant-1' }, 'sk-ant-1'],
    ['another scheme', { authorization: 'Basic bk_a' }, null],
    ['a Bearer without a token', { authorization: 'Bearer ' }, null],
    ['an empty x-api-key', { 'x-api-key': '' }, null],
    ['none', {}, null],
  ])('%s', (_what, headers, credential) => {
    expect(credentialOf(new Headers(headers))).toBe(credential);
  });
});
