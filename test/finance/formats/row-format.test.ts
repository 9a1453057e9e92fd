import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDecimal } from '../../../worker/finance/decimal.ts';
import { type Column, csvHeader, lineOf } from '../../../worker/finance/row-format.ts';

interface Row {
  name: string;
  amount: string | null;
  isNew: boolean;
  tags: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { name: 'name', type: 'text', of: (row) => row.name },
  { name: 'amount', type: 'number', of: (row) => row.amount },
  { name: 'is_new', type: 'boolean', of: (row) => row.isNew },
  { name: 'tags', type: 'json', of: (row) => row.tags },
];

const row = (change: Partial<Row>): Row => ({
  name: 'a',
  amount: '1.5',
  isNew: false,
  tags: '{}',
  ...change,
});

describe('a line of CSV', () => {
  test.each<[string, Partial<Row>, string]>([
    ['plain', {}, 'a,1.5,false,{}\r\n'],
    ['with a comma', { name: 'a,b' }, '"a,b",1.5,false,{}\r\n'],
    ['with quotes', { name: 'a "b"' }, '"a ""b""",1.5,false,{}\r\n'],
    ['with a new line', { name: 'a\nb' }, '"a\nb",1.5,false,{}\r\n'],
    ['with JSON', { tags: '{"team":"web"}' }, 'a,1.5,false,"{""team"":""web""}"\r\n'],
    ['with nothing', { amount: null }, 'a,,false,{}\r\n'],
    ['with a negative number', { amount: '-0.5' }, 'a,-0.5,false,{}\r\n'],
    ['beginning like a formula', { name: '=1+1' }, "'=1+1,1.5,false,{}\r\n"],
    ['beginning with +', { name: '+49 30' }, "'+49 30,1.5,false,{}\r\n"],
    ['beginning with -', { name: '-cmd' }, "'-cmd,1.5,false,{}\r\n"],
    ['beginning with @', { name: '@SUM(A1)' }, "'@SUM(A1),1.5,false,{}\r\n"],
    ['beginning with a tab', { name: '\t=1' }, "'\t=1,1.5,false,{}\r\n"],
    ['beginning with a carriage return', { name: '\r=1' }, '"\'\r=1",1.5,false,{}\r\n'],
    ['with a formula inside', { name: 'a=1' }, 'a=1,1.5,false,{}\r\n'],
  ])('%s', (_, change, line) => {
    expect(lineOf('csv', COLUMNS, row(change))).toBe(line);
  });

  test('is read by a parser as it was meant, whatever the text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (names) => {
        const csv = csvHeader(COLUMNS) + names.map((name) => lineOf('csv', COLUMNS, row({ name }))).join('');
        const parsed = parse(csv, { columns: true, record_delimiter: '\r\n' });
        const safe = (name: string) => (/^[=+\-@\t\r]/.test(name) ? `'${name}` : name);
        expect(parsed).toEqual(
          names.map((name) => ({ name: safe(name), amount: '1.5', is_new: 'false', tags: '{}' })),
        );
      }),
    );
  });
});

test('a line of NDJSON has every value as it is', () => {
  const line = lineOf('ndjson', COLUMNS, row({ name: '=1\n"2"', tags: '{"team":["web"]}', amount: null }));
  expect(line.endsWith('}\n')).toBe(true);
  expect(JSON.parse(line)).toEqual({
    name: '=1\n"2"',
    amount: null,
    is_new: false,
    tags: { team: ['web'] },
  });
});

test.each([
  [0n, 9, '0.0'],
  [126_800_000n, 9, '0.1268'],
  [-1n, 9, '-0.000000001'],
  [3_000_000_000n, 9, '3.0'],
  [90_000n, 6, '0.09'],
  [5n, 0, '5.0'],
])('%s of 10^-%s is %s', (units, decimals, text) => {
  expect(formatDecimal(units, decimals)).toBe(text);
});
