/**
 * `/exports/{ledger|daily|focus}.{csv|ndjson}`: the ledger for spreadsheets, warehouses and FinOps tools, streamed,
 * and `…/manifest`: its size, its SHA-256 and the cursors it can be resumed at.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import {
  columnNames,
  EXPORTS,
  type ExportName,
  type ExportRequest,
  exportParts,
  isPosition,
  type Position,
} from '../../finance/export.ts';
import { manifestOf } from '../../finance/manifest.ts';
import { streamOf } from '../../finance/part-stream.ts';
import { FORMATS, type Format } from '../../finance/row-format.ts';
import { type AdminContext, adminRouter } from './context.ts';
import { answer, ERRORS } from './contract.ts';
import { type Failure, fail } from './failures.ts';
import { costCenterId, endsAfterItBegins, moment, SPAN_ERROR } from './fields.ts';
import { cursorFor, type ListQuery, positionOf, WRONG_CURSOR } from './paging.ts';

const DAY_MS = 86_400_000;
const MAX_DAYS = 366;

const FILES = EXPORTS.flatMap((name) =>
  FORMATS.map((format) => ({ name, format, file: `${name}.${format}` })),
);

const fileParams = z.object({
  file: z
    .enum(
      FILES.map(({ file }) => file),
      { error: `expected one of ${FILES.map(({ file }) => file).join(', ')}` },
    )
    .openapi({ example: 'ledger.csv' }),
});

const spanFields = {
  from: moment.openapi({ description: 'Admitted at or after this; UTC. A midnight for `daily`.' }),
  to: moment.openapi({ description: `Admitted before this; UTC. At most ${MAX_DAYS} days after \`from\`.` }),
  cost_center: costCenterId.optional().openapi({ description: 'All where absent.' }),
  columns: z
    .string()
    .min(1)
    .max(4_000)
    .optional()
    .openapi({ description: 'Names, separated by commas, in the order asked for; all where absent.' }),
};

type Span = { from: string; to: string };

function isShortEnough({ from, to }: Span): boolean {
  return Date.parse(to) - Date.parse(from) <= MAX_DAYS * DAY_MS;
}

const TOO_LONG = { path: ['from'], error: `expected a span of at most ${MAX_DAYS} days` };

const manifestQuery = z
  .strictObject(spanFields)
  .refine(endsAfterItBegins, SPAN_ERROR)
  .refine(isShortEnough, TOO_LONG);
const exportQuery = z
  .strictObject({
    ...spanFields,
    cursor: z.string().max(2_000).optional().openapi({
      description: 'Goes on where a chunk of the manifest begins, without a header of its own.',
    }),
  })
  .refine(endsAfterItBegins, SPAN_ERROR)
  .refine(isShortEnough, TOO_LONG);

interface Asked extends Span {
  cost_center?: string | undefined;
  columns?: string | undefined;
}

/** What a cursor is bound to: formats and columns share their positions. */
function listOf(name: ExportName, { from, to, cost_center }: Asked): ListQuery {
  return { list: `exports/${name}`, from, to, costCenter: cost_center ?? null };
}

function invalid(path: string, message: string): Failure {
  return { why: 'invalid', problems: [{ path, message }] };
}

/** The export a file and query ask for, from its beginning. */
function requestOf(name: ExportName, format: Format, asked: Asked): ExportRequest | Failure {
  const { from, to, cost_center: costCenter = null } = asked;
  const columns = asked.columns?.split(',') ?? null;
  const known = columnNames(name);
  const unknown = columns?.find((column) => !known.includes(column));
  if (unknown !== undefined) return invalid('columns', `${name} has no column "${unknown}"`);
  if (columns && new Set(columns).size < columns.length) {
    return invalid('columns', 'expected every column once');
  }
  if (name === 'daily') {
    for (const [path, at] of [['from', from] as const, ['to', to] as const]) {
      if (Date.parse(at) % DAY_MS !== 0)
        return invalid(path, 'expected a whole day in UTC, for days are the rows');
    }
  }
  return { name, format, span: { costCenter, from, to }, columns, after: null };
}

async function afterCursor(list: ListQuery, name: ExportName, cursor: string): Promise<Position | null> {
  const text = await positionOf(list, cursor);
  if (text === null) return null;
  try {
    const position: unknown = JSON.parse(text);
    return isPosition(name, position) ? position : null;
  } catch {
    return null;
  }
}

function partsOf(c: AdminContext, request: ExportRequest) {
  const { db, archive } = c.get('bindings');
  return exportParts({ db, bucket: archive?.bucket ?? null }, builtinCatalogue, request);
}

const CONTENT_TYPES = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
} as const;

const chunkView = z.object({
  cursor: z.string().nullable().openapi({ description: 'Where it begins; null: at the beginning.' }),
  rows: z.number().int(),
  bytes: z.number().int(),
  sha256: z.string(),
});

const manifestView = z
  .object({
    file: z.string(),
    from: z.string(),
    to: z.string(),
    cost_center: z.string().nullable(),
    columns: z.array(z.string()),
    rows: z.number().int().openapi({ description: 'Without the header.' }),
    bytes: z.number().int(),
    sha256: z.string().openapi({ description: 'Of all bytes, hexadecimal.' }),
    chunks: z.array(chunkView).openapi({ description: 'In order; all together are the export.' }),
  })
  .openapi('ExportManifest');

export const exports = adminRouter();

exports.openapi(
  createRoute({
    method: 'get',
    path: '/exports/{file}',
    request: { params: fileParams, query: exportQuery },
    responses: {
      ...ERRORS,
      200: { description: 'The rows as they are read, as CSV or a JSON object a line.' },
    },
  }),
  async (c) => {
    const { name, format, file } = fileOf(c.req.valid('param').file);
    const { cursor, ...asked } = c.req.valid('query');
    const request = requestOf(name, format, asked);
    if ('why' in request) return fail(c.get('requestId'), request);
    const after = cursor === undefined ? null : await afterCursor(listOf(name, asked), name, cursor);
    if (cursor !== undefined && after === null) return fail(c.get('requestId'), WRONG_CURSOR);
    const stream = await streamOf(partsOf(c, { ...request, after }));
    const headers = {
      'content-type': CONTENT_TYPES[format],
      'content-disposition': `attachment; filename="${file}"`,
      'cache-control': 'no-store',
    };
    return new Response(stream, { headers });
  },
);

exports.openapi(
  createRoute({
    method: 'get',
    path: '/exports/{file}/manifest',
    request: { params: fileParams, query: manifestQuery },
    responses: { ...ERRORS, 200: answer(manifestView, 'Of the bytes that the export has now.') },
  }),
  async (c) => {
    const { name, format, file } = fileOf(c.req.valid('param').file);
    const asked = c.req.valid('query');
    const request = requestOf(name, format, asked);
    if ('why' in request) return fail(c.get('requestId'), request);
    const { chunks, ...totals } = await manifestOf(partsOf(c, request));
    const list = listOf(name, asked);
    const view = {
      file,
      from: asked.from,
      to: asked.to,
      cost_center: asked.cost_center ?? null,
      columns: [...(request.columns ?? columnNames(name))],
      ...totals,
      chunks: await Promise.all(
        chunks.map(async ({ after, ...chunk }) => ({
          cursor: after === null ? null : await cursorFor(list, JSON.stringify(after)),
          ...chunk,
        })),
      ),
    };
    return c.json(view, 200);
  },
);

function fileOf(asked: string) {
  const found = FILES.find(({ file }) => file === asked);
  if (!found) throw new RangeError(`${asked} is no export, and was let through`);
  return found;
}
