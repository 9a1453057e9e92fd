/**
 * An export as a stream of parts of bounded size, whatever the size of the whole. The bytes of an export and its
 * manifest come from here alike.
 *
 * A position is where a record of the source stands in the order of the export. Going on after a position gives
 * exactly the bytes that came after that record: parts say the position of their last one.
 */
import { z } from 'zod';
import type { Catalogue } from '../../durable-objects/core/catalogue/types.ts';
import { dailyPages } from '../store/daily-spend.ts';
import { openDatabase } from '../store/database.ts';
import type { ExportSpan } from '../store/ledger-export.ts';
import { DAILY_COLUMNS } from './daily-columns.ts';
import { FOCUS_COLUMNS, focusRows } from './focus-rows.ts';
import { LEDGER_COLUMNS } from './ledger-columns.ts';
import { type Column, csvHeader, type Format, lineOf } from './row-format.ts';
import { type LedgerAccess, ledgerPages } from './whole-ledger.ts';

export const EXPORTS = ['ledger', 'daily', 'focus'] as const;
export type ExportName = (typeof EXPORTS)[number];

/** Texts that say where a record stands, in the order they are sorted by. */
export type Position = readonly string[];

export interface Part {
  text: string;
  /** Lines of `text`, without the header. */
  rows: number;
  /** Of the last record; null: of the header alone. */
  position: Position | null;
}

/** D1 answers a page of this many rows in some 3 MB, and a Worker may ask it 1,000 times. */
export const PAGE_SIZE = 2_000;
/**
 * A FOCUS record has up to six rows of 1 KB. Parts stay below 128 KB: V8 keeps larger texts and bytes apart, and frees
 * them in full collections only (docs/decisions/0012).
 */
const RECORDS_A_PART = 25;

/** What is exported of each record of a source. */
interface Layout<Source, Row> {
  columns: readonly Column<Row>[];
  rowsOf: (record: Source) => readonly Row[];
  positionOf: (record: Source) => Position;
}

export interface ExportRequest {
  name: ExportName;
  format: Format;
  span: ExportSpan;
  /** Null: all, in their order. */
  columns: readonly string[] | null;
  /** Null: from the beginning, and a CSV then begins with its header. */
  after: Position | null;
}

const entryPosition = z
  .tuple([z.string(), z.string(), z.string()])
  .transform(([cost_center, admitted_at, entry_id]) => ({ cost_center, admitted_at, entry_id }));

const dailyPosition = z
  .tuple([z.string(), z.string(), z.string(), z.string(), z.string(), z.string()])
  .transform(([day, cost_center, developer, model, turn_kind, provider]) => ({
    day,
    cost_center,
    developer,
    model,
    turn_kind,
    provider,
  }));

/** The names of an export's columns. */
export function columnNames(name: ExportName): string[] {
  const columns = { ledger: LEDGER_COLUMNS, daily: DAILY_COLUMNS, focus: FOCUS_COLUMNS }[name];
  return columns.map((column) => column.name);
}

/** Whether an export can go on after this. */
export function isPosition(name: ExportName, position: unknown): position is Position {
  return (name === 'daily' ? dailyPosition : entryPosition).safeParse(position).success;
}

/**
 * The parts of an export, in order. Throws a ZodError where `after` is no position of it; reading throws
 * ArchiveUnreadable and ArchiveAway where archived days of the ledger cannot be had.
 */
export function exportParts(
  access: LedgerAccess,
  catalogue: Catalogue,
  request: ExportRequest,
  pageSize = PAGE_SIZE,
): AsyncGenerator<Part> {
  const { name, span, after } = request;
  if (name === 'daily') {
    const pages = dailyPages(openDatabase(access.db), span, after && dailyPosition.parse(after), pageSize);
    return partsOf(request, pages, {
      columns: DAILY_COLUMNS,
      rowsOf: (row) => [row],
      positionOf: (row) => [row.day, row.cost_center, row.developer, row.model, row.turn_kind, row.provider],
    });
  }
  const pages = ledgerPages(access, span, after && entryPosition.parse(after), pageSize);
  const positionOf = (entry: { cost_center: string; admitted_at: string; entry_id: string }): Position => [
    entry.cost_center,
    entry.admitted_at,
    entry.entry_id,
  ];
  return name === 'ledger'
    ? partsOf(request, pages, { columns: LEDGER_COLUMNS, rowsOf: (entry) => [entry], positionOf })
    : partsOf(request, pages, {
        columns: FOCUS_COLUMNS,
        rowsOf: (entry) => focusRows(entry, catalogue),
        positionOf,
      });
}

async function* partsOf<Source, Row>(
  { format, columns: chosen, after }: ExportRequest,
  pages: AsyncIterable<Source[]>,
  layout: Layout<Source, Row>,
): AsyncGenerator<Part> {
  const columns = chosen
    ? chosen.flatMap((name) => layout.columns.filter((column) => column.name === name))
    : layout.columns;
  if (format === 'csv' && after === null) yield { text: csvHeader(columns), rows: 0, position: null };
  for await (const page of pages) {
    for (let index = 0; index < page.length; index += RECORDS_A_PART) {
      const records = page.slice(index, index + RECORDS_A_PART);
      const last = records.at(-1);
      const lines = records.flatMap(layout.rowsOf).map((row) => lineOf(format, columns, row));
      if (last !== undefined) {
        yield { text: lines.join(''), rows: lines.length, position: layout.positionOf(last) };
      }
    }
  }
}
