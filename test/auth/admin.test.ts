import { describe, expect, test, vi } from 'vitest';
import { isAdmin } from '../../worker/auth/admin.ts';

const TOKEN = 'an-admin-token-0001';

describe('the admin token', () => {
  test.each<[string, Record<string, string>, boolean]>([
    ['as Bearer', { authorization: `Bearer ${TOKEN}` }, true],
    ['with the scheme in lower case', { authorization: `bearer ${TOKEN}` }, true],
    ['missing', {}, false],
    ['empty', { authorization: 'Bearer ' }, false],
    ['cut short', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }, false],
    ['too long', { authorization: `Bearer ${TOKEN}1` }, false],
    ['in another case', { authorization: `Bearer ${TOKEN.toUpperCase()}` }, false],
    ['without a scheme', { authorization: TOKEN }, false],
    ['as x-api-key', { 'x-api-key': TOKEN }, false],
  ])('%s', async (_what, headers, expected) => {
    expect(await isAdmin(new Headers(headers), TOKEN)).toBe(expected);
  });

  test('is compared in constant time, over digests of one length', async () => {
    const compare = vi.spyOn(crypto.subtle, 'timingSafeEqual');
    await isAdmin(new Headers({ authorization: 'Bearer x' }), TOKEN);
    expect(compare.mock.calls.map((call) => call.map((each) => each.byteLength))).toEqual([[32, 32]]);
    compare.mockRestore();
  });
});
