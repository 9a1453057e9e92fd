import { describe, expect, test } from 'vitest';
import { ENTRY_COLUMNS } from '../../durable-objects/ledger/append.ts';
import { columnsOf, lineOf, pseudonymisedLine } from '../../durable-objects/ledger/archived-line.ts';

const NAMES = Object.keys(ENTRY_COLUMNS) as (keyof typeof ENTRY_COLUMNS)[];
const RENAMING = { developer: 'dev"1\\@example.com', pseudonym: 'left-$&' };
const QUOTED = JSON.stringify(RENAMING.developer);

/** The values of a row in D1: JSON columns as their text, with marks in strings that end nothing. */
function values(change: Record<string, unknown> = {}): unknown[] {
  const row: Record<string, unknown> = {
    entry_id: '01"}],{',
    admitted_at: '2026-08-20T00:00:00.000Z',
    attempt: 1,
    charged_nano_usd: -7,
    developer: RENAMING.developer,
    key_tags: `{"b":"}],","a":${QUOTED}}`,
    reasons: '["a\\"]",{"b":[1,2]}]',
    decision_inputs: 'null',
    standing: `[{"scope":"developer","subject":${QUOTED}},{"scope":"key","subject":${QUOTED}}]`,
    session: `"developer":${QUOTED}`,
    ...change,
  };
  return NAMES.map((name) => row[name] ?? (ENTRY_COLUMNS[name] === 'json' ? '[]' : null));
}

describe('an archived line', () => {
  test('has every column as D1 has it, to the byte', () => {
    const line = lineOf(values());
    expect(Object.values(columnsOf(line, NAMES))).toEqual(values());
    expect(() => JSON.parse(line)).not.toThrow();
  });

  test('lacks columns that are younger, as a restored row does', () => {
    const older = { thinking: null, standing: 'null', charged_nano_usd: 5 };
    expect(columnsOf('{"charged_nano_usd":5}', ['thinking', 'standing', 'charged_nano_usd'])).toEqual(older);
  });

  test.each(['', '{', '{"a":', '{"a":"b', '{"a":[1,2}', 'null', '{a:1}'])('is not %j', (text) => {
    expect(() => columnsOf(text, ['thinking'])).toThrow(SyntaxError);
  });

  test('gets the pseudonym where a row in D1 does, and is the same elsewhere', () => {
    const other = JSON.stringify(RENAMING.pseudonym);
    expect(pseudonymisedLine(lineOf(values()), RENAMING)).toBe(
      lineOf(
        values({
          developer: RENAMING.pseudonym,
          key_tags: `{"b":"}],","a":${other}}`,
          standing: `[{"scope":"developer","subject":${other}},{"scope":"key","subject":${QUOTED}}]`,
        }),
      ),
    );
  });

  test('of somebody else is not changed', () => {
    const line = lineOf(values({ developer: 'colleague@example.com' }));
    expect(pseudonymisedLine(line, RENAMING)).toBe(line);
  });
});
