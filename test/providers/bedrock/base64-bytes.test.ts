/** Base64 in bytes, held against the platform's own reading of it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readBase64 } from '../../../worker/providers/bedrock/base64-bytes.ts';

const encoder = new TextEncoder();

function read(text: string): Uint8Array | null {
  const bytes = encoder.encode(`"${text}"`);
  const target = new Uint8Array(2 + text.length);
  const end = readBase64(bytes, 1, bytes.length - 1, target, 2);
  return end === null ? null : target.slice(2, end);
}

test('is what was encoded, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      expect(read(btoa(String.fromCharCode(...bytes)))).toEqual(bytes);
    }),
  );
});

test.each([
  'A',
  'AB',
  'ABC',
  'AB=C',
  'A===',
  'ABC"',
  'AB C',
  'ABC-',
  'AéC',
  'QUJD=AAA',
])('is not %s', (text) => {
  expect(read(text)).toBeNull();
});
