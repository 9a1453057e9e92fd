/** Edits in the bytes of JSON, held against the same edits of its parsed form, whatever the strings in it look like. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { remove, replace } from '../../worker/providers/json-edit.ts';
import { spliceJson } from '../../worker/providers/json-splice.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Strings full of what could be taken for their end, short ones and some that are searched in larger steps. */
const awkward = fc
  .array(fc.constantFrom('"', '\\', '\\"', '{', '}', '[', ']', ',', 'é', '🤔', '\n', 'a'.repeat(40)), {
    maxLength: 60,
  })
  .map((parts) => parts.join(''));

function spliced(document: object, indent: number, ...edits: Parameters<typeof spliceJson>[1]): unknown {
  const bytes = spliceJson(encoder.encode(JSON.stringify(document, null, indent)), edits);
  return bytes && JSON.parse(decoder.decode(bytes));
}

describe('a member edited in the bytes of JSON', () => {
  test('is replaced or removed, and everything else stays', () => {
    const documents = fc.record({ before: awkward, model: awkward, after: fc.array(awkward) });
    fc.assert(
      fc.property(documents, fc.constantFrom(0, 2), (document, indent) => {
        const { model: _, ...rest } = document;
        expect(spliced(document, indent, replace(['model'], 'other'))).toEqual({ ...rest, model: 'other' });
        expect(spliced(document, indent, remove(['model']))).toEqual(rest);
      }),
    );
  });

  test('is found behind a string of backslashes, an even number of which ends it', () => {
    for (let count = 0; count < 80; count += 1) {
      const document = { text: '\\'.repeat(count), quoted: `${'\\'.repeat(count)}"`, model: 'one' };
      expect(spliced(document, 0, replace(['model'], 'two'))).toEqual({ ...document, model: 'two' });
    }
  });

  test('is not looked for in a string that has no end', () => {
    for (const cut of ['{"model":"one', `{"model":"${'a'.repeat(50)}`, `{"model":"${'a'.repeat(50)}\\"`]) {
      expect(spliceJson(encoder.encode(cut), [replace(['model'], 'two')])).toBeNull();
    }
  });
});
