/**
 * Rows as lines of text: CSV as RFC 4180 has it (UTF-8, CRLF) and newline-delimited JSON.
 *
 * Spreadsheets run a cell that begins like a formula. Such a cell of text gets an apostrophe in front; numbers
 * are left alone, for a correction's `-5` is one. Whoever needs the text unchanged takes NDJSON.
 */

export const FORMATS = ['csv', 'ndjson'] as const;
export type Format = (typeof FORMATS)[number];

/** A decimal that a double would not hold exactly comes as text. Null: there is none; in CSV an empty cell. */
export type Cell = string | number | boolean | null;

export interface Column<Row> {
  name: string;
  /** `json`: the cell is JSON text, in NDJSON a value of its own. */
  type: 'text' | 'number' | 'boolean' | 'json';
  of: (row: Row) => Cell;
}

const LIKE_A_FORMULA = /^[=+\-@\t\r]/;
const NEEDS_QUOTES = /[",\r\n]/;

function csvCell(type: Column<unknown>['type'], cell: Cell): string {
  if (cell === null) return '';
  const text = String(cell);
  const safe = type !== 'number' && LIKE_A_FORMULA.test(text) ? `'${text}` : text;
  return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The line of names that a CSV begins with. */
export function csvHeader<Row>(columns: readonly Column<Row>[]): string {
  return `${columns.map(({ name }) => csvCell('text', name)).join(',')}\r\n`;
}

function csvLine<Row>(columns: readonly Column<Row>[], row: Row): string {
  return `${columns.map(({ type, of }) => csvCell(type, of(row))).join(',')}\r\n`;
}

function jsonLine<Row>(columns: readonly Column<Row>[], row: Row): string {
  const members = columns.map(({ name, type, of }) => {
    const cell = of(row);
    const value = type === 'json' && typeof cell === 'string' ? cell : JSON.stringify(cell);
    return `${JSON.stringify(name)}:${value}`;
  });
  return `{${members.join(',')}}\n`;
}

export function lineOf<Row>(format: Format, columns: readonly Column<Row>[], row: Row): string {
  return format === 'csv' ? csvLine(columns, row) : jsonLine(columns, row);
}
