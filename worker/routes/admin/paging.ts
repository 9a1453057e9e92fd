/**
 * Pages of a list. A cursor is the position of the last row seen, bound by a digest to the query it came from:
 * with other filters, or altered, it is refused rather than answered with the wrong rows.
 */
import { z } from '@hono/zod-openapi';
import { fromBase64Url, toBase64Url } from '../../../durable-objects/core/base64url.ts';
import type { Failure } from './failures.ts';

export const pageQuery = {
  limit: z
    .string()
    .regex(/^\d{1,4}$/, 'expected a whole number from 1 to 1000')
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 1_000, 'expected a whole number from 1 to 1000')
    .optional()
    .openapi({ description: 'Rows in a page, 1 to 1000; 100 where absent.' }),
  cursor: z.string().max(2_000).optional().openapi({ description: '`next_cursor` of the page before.' }),
};

const DEFAULT_LIMIT = 100;
const DIGEST_BYTES = 16;

/** A list and its filters; two queries with the same JSON are the same. */
export type ListQuery = { list: string } & Record<string, string | null>;

async function digestOf(query: ListQuery, position: string): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify([query, position]));
  const digest = await crypto.subtle.digest('SHA-256', text);
  return toBase64Url(new Uint8Array(digest).slice(0, DIGEST_BYTES));
}

/** The cursor of a position in this query. */
export async function cursorFor(query: ListQuery, position: string): Promise<string> {
  return `${toBase64Url(new TextEncoder().encode(position))}.${await digestOf(query, position)}`;
}

/** The position a cursor stands for; null where it is not a cursor of this query. */
export async function positionOf(query: ListQuery, cursor: string): Promise<string | null> {
  const [encoded = '', digest] = cursor.split('.');
  const bytes = fromBase64Url(encoded);
  if (!bytes) return null;
  const position = new TextDecoder().decode(bytes);
  return digest === (await digestOf(query, position)) ? position : null;
}

export interface Page<Row> {
  data: Row[];
  next_cursor: string | null;
}

export interface PageRequest {
  limit?: number | undefined;
  cursor?: string | undefined;
}

/**
 * One page of `query`. `read` gets the position to go on after (null: from the beginning) and how many rows to
 * read; `positionOfRow` says where a row stands. Null where the cursor is not one of this query.
 */
export async function pageOf<Row>(
  query: ListQuery,
  { limit = DEFAULT_LIMIT, cursor }: PageRequest,
  read: (page: { after: string | null; limit: number }) => Promise<Row[]>,
  positionOfRow: (row: Row) => string,
): Promise<Page<Row> | null> {
  const after = cursor === undefined ? null : await positionOf(query, cursor);
  if (cursor !== undefined && after === null) return null;
  // One more than asked for tells whether there is a next page.
  const rows = await read({ after, limit: limit + 1 });
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const isMore = rows.length > limit && last !== undefined;
  return { data, next_cursor: isMore ? await cursorFor(query, positionOfRow(last)) : null };
}

export const WRONG_CURSOR: Failure = {
  why: 'invalid',
  problems: [{ path: 'cursor', message: 'expected the cursor of a page of this very query' }],
};
