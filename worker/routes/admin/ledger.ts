/** `/ledger`: the entries, newest first. */
import { createRoute, z } from '@hono/zod-openapi';
import { formatUsd, nanoUsd } from '../../../durable-objects/core/money.ts';
import { ENTRY_KINDS, type Entry } from '../../../durable-objects/ledger/entry.ts';
import { sumAway } from '../../store/away-segments.ts';
import { type LedgerFilter, listEntries } from '../../store/ledger.ts';
import { adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { developer, endsAfterItBegins, moment, SPAN_ERROR } from './fields.ts';
import { type EntryView, entryView } from './ledger-contract.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';

const filterQuery = z
  .strictObject({
    cost_center: z.string().optional(),
    developer: developer.optional(),
    session: z.string().optional(),
    kind: z.enum(ENTRY_KINDS).optional(),
    from: moment.optional().openapi({ description: 'Admitted at or after this; UTC.' }),
    to: moment.optional().openapi({ description: 'Admitted before this; UTC.' }),
    ...pageQuery,
  })
  .refine(endsAfterItBegins, SPAN_ERROR);

function filterOf(query: z.infer<typeof filterQuery>): LedgerFilter {
  return {
    costCenter: query.cost_center ?? null,
    developer: query.developer ?? null,
    session: query.session ?? null,
    kind: query.kind ?? null,
    from: query.from ?? null,
    to: query.to ?? null,
  };
}

function viewOfEntry(entry: Entry): EntryView {
  return { ...entry, charged_usd: formatUsd(nanoUsd(entry.charged_nano_usd)) };
}

const archivedView = z
  .object({ entries: z.number().int(), first_day: z.string(), last_day: z.string() })
  .nullable()
  .openapi({
    description:
      'What of the cost center and span asked for is archived and not in this list, whatever else was asked for; null where nothing is. POST /archive/restore brings a day back, and exports of the ledger include archived days.',
  });

async function archivedIn(db: D1Database, filter: LedgerFilter): Promise<z.infer<typeof archivedView>> {
  const away = await sumAway(db, filter);
  return away && { entries: away.entries, first_day: away.firstDay, last_day: away.lastDay };
}

export const ledger = adminRouter();

ledger.openapi(
  createRoute({
    method: 'get',
    path: '/ledger',
    request: { query: filterQuery },
    responses: {
      ...ERRORS,
      200: answer(pageOfSchema(entryView).extend({ archived: archivedView }), 'Newest first.'),
    },
  }),
  async (c) => {
    const query = c.req.valid('query');
    const filter = filterOf(query);
    const page = await pageOf(
      { list: 'ledger', ...filter },
      query,
      (each) => listEntries(databaseOf(c), filter, each),
      (entry) => entry.entry_id,
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    const archived = await archivedIn(c.get('bindings').db, filter);
    return c.json({ ...page, data: page.data.map(viewOfEntry), archived }, 200);
  },
);
