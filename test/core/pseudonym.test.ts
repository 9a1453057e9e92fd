import { describe, expect, test } from 'vitest';
import { withPseudonym } from '../../durable-objects/core/pseudonym.ts';

const renaming = { developer: 'opus', pseudonym: 'left-1' };

describe('a pseudonym takes the name’s place', () => {
  test.each([
    [
      'as developer and subject',
      { developer: 'opus', subject: 'opus' },
      { developer: 'left-1', subject: 'left-1' },
    ],
    [
      'at any depth',
      { standing: [{ scope: 'developer', subject: 'opus' }] },
      { standing: [{ scope: 'developer', subject: 'left-1' }] },
    ],
    [
      'as a tag’s value',
      { key_tags: { owner: 'opus', opus: 'a' } },
      { key_tags: { owner: 'left-1', opus: 'a' } },
    ],
    [
      'in a refusal’s sentence',
      { message: 'Your budget (opus), day' },
      { message: 'Your budget (left-1), day' },
    ],
  ])('%s', (_, before, after) => {
    expect(withPseudonym(before, renaming)).toEqual(after);
  });

  test.each([
    ['another developer', { developer: 'opus2' }],
    [
      'a line, a session, a budget of that name',
      { line: 'opus', session: 'opus', budget: 'opus', text: ['opus'] },
    ],
    ['the subject of another scope', { scope: 'session', subject: 'opus' }],
    ['numbers and nulls', { developer: null, held: 1.5, list: [null, true] }],
  ])('and of nothing else: %s', (_, value) => {
    expect(withPseudonym(value, renaming)).toEqual(value);
  });

  test('with the fields in their order', () => {
    const text = '{"z":1,"developer":"opus","a":{"y":2,"b":3}}';
    expect(JSON.stringify(withPseudonym(JSON.parse(text), renaming))).toBe(text.replace('opus', 'left-1'));
  });
});
