/** `/archive`: what has left D1 for the bucket, and bringing a day of it back. */
import { createRoute, z } from '@hono/zod-openapi';
import { restoreUnit } from '../../finance/restore.ts';
import { listSegments, type Segment } from '../../store/archive-segments.ts';
import { recordAct } from '../../store/audit.ts';
import { adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { costCenterId, SPAN_ERROR } from './fields.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';
import { sumInUsd } from './sum-in-usd.ts';

const day = z.iso.date({ error: 'expected a date such as "2026-11-24"' });
const textOrNull = z.string().nullable();

const segmentView = z
  .object({
    day: z.string(),
    cost_center: z.string(),
    part: z.number().int(),
    state: z.enum(['writing', 'verified', 'archived', 'restoring', 'restored']),
    object_key: z.string(),
    entries: z.number().int(),
    charged_usd: z.string(),
    list_usd: z.string(),
    first_entry_id: z.string(),
    last_entry_id: z.string(),
    sha256: z.string().openapi({ description: 'Of the NDJSON before compression, hexadecimal.' }),
    bytes: z.number().int(),
    compressed_bytes: z.number().int(),
    written_at: z.string(),
    verified_at: textOrNull,
    archived_at: textOrNull,
    restored_at: textOrNull,
  })
  .openapi('ArchiveSegment');

function viewOfSegment(row: Segment): z.infer<typeof segmentView> {
  return {
    day: row.day,
    cost_center: row.costCenter,
    part: row.part,
    state: row.state,
    object_key: row.objectKey,
    entries: row.entries,
    charged_usd: sumInUsd(String(row.chargedNanoUsd)),
    list_usd: sumInUsd(String(row.listNanoUsd)),
    first_entry_id: row.firstEntryId,
    last_entry_id: row.lastEntryId,
    sha256: row.sha256,
    bytes: row.bytes,
    compressed_bytes: row.compressedBytes,
    written_at: row.writtenAt,
    verified_at: row.verifiedAt,
    archived_at: row.archivedAt,
    restored_at: row.restoredAt,
  };
}

const filterQuery = z
  .strictObject({
    cost_center: z.string().optional(),
    from: day.optional().openapi({ description: 'Days from this on.' }),
    to: day.optional().openapi({ description: 'Days before this.' }),
    ...pageQuery,
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, SPAN_ERROR);

/** A position in the list: no id has a slash. */
function positionOf({ day: of, costCenter, part }: Segment): string {
  return `${of}/${costCenter}/${part}`;
}

function afterPosition(position: string | null) {
  if (position === null) return null;
  const [of = '', costCenter = '', part] = position.split('/');
  return { day: of, costCenter, part: Number(part) };
}

const restoreBody = z.strictObject({ day, cost_center: costCenterId }).openapi('ArchiveRestore');

export const archive = adminRouter();

archive.openapi(
  createRoute({
    method: 'get',
    path: '/archive',
    request: { query: filterQuery },
    responses: { ...ERRORS, 200: answer(pageOfSchema(segmentView), 'By day, cost center and part.') },
  }),
  async (c) => {
    const query = c.req.valid('query');
    const filter = { costCenter: query.cost_center ?? null, from: query.from ?? null, to: query.to ?? null };
    const page = await pageOf(
      { list: 'archive', ...filter },
      query,
      ({ after, limit }) =>
        listSegments(c.get('bindings').db, filter, { after: afterPosition(after), limit }),
      positionOf,
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    return c.json({ ...page, data: page.data.map(viewOfSegment) }, 200);
  },
);

archive.openapi(
  createRoute({
    method: 'post',
    path: '/archive/restore',
    request: { body: body(restoreBody) },
    responses: {
      ...ERRORS,
      200: answer(
        z.object({ data: z.array(segmentView) }),
        'The day’s segments; its entries are in D1 again.',
      ),
    },
  }),
  async (c) => {
    const { day: of, cost_center: costCenter } = c.req.valid('json');
    const requestId = c.get('requestId');
    const { db, archive: place } = c.get('bindings');
    if (!place) {
      const message = 'no R2 bucket is bound as ARCHIVE, so there is nothing to restore from';
      return fail(requestId, { why: 'conflict', message });
    }
    const restored = await restoreUnit(db, place.bucket, { day: of, costCenter }, Date.now());
    if (restored.outcome === 'unknown') {
      return fail(requestId, { why: 'unknown', what: `archive of ${costCenter} on ${of}` });
    }
    if (restored.outcome === 'unreadable') {
      const message = `nothing was restored: ${restored.problem}`;
      return fail(requestId, { why: 'conflict', message });
    }
    const data = restored.segments.map(viewOfSegment);
    const after = { day: of, parts: data.map(({ part, sha256 }) => ({ part, sha256 })) };
    await recordAct(
      databaseOf(c),
      { action: 'archive.restore', costCenter, target: of, after },
      authorshipOf(c),
    );
    return c.json({ data }, 200);
  },
);
