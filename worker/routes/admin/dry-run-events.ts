/** `/cost_centers/{id}/dry_runs/{dry_run_id}/events`: whom a draft would have told, stepped down, routed or refused. */
import { createRoute } from '@hono/zod-openapi';
import type { KeptEvent } from '../../../durable-objects/dry-runs/rpc.ts';
import { askDryRun } from '../../policy/dry-runs.ts';
import { askedDraftsOf, findDryRun } from '../../store/dry-runs.ts';
import { adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS, pageOfSchema } from './contract.ts';
import { dryRunEvent, dryRunParams, eventQuery, toEventView } from './dry-run-contract.ts';
import { unknownDryRun } from './dry-runs.ts';
import { type Failure, fail } from './failures.ts';
import { withOwner } from './owner.ts';
import { pageOf, WRONG_CURSOR } from './paging.ts';

/** The place of the draft that is asked for by its name or place; null where there is none. */
function placeOf(names: readonly string[], asked: string): number | null {
  const named = names.indexOf(asked);
  if (named >= 0) return named;
  const place = /^\d$/.test(asked) ? Number(asked) : names.length;
  return place < names.length ? place : null;
}

function unknownDraft(names: readonly string[]): Failure {
  const message = `expected the name of a draft: ${names.map((name) => `"${name}"`).join(', ')}`;
  return { why: 'invalid', problems: [{ path: 'draft', message }] };
}

/** The object did not answer. */
class DryRunAway extends Error {}

export const dryRunEvents = adminRouter();

dryRunEvents.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/dry_runs/{dry_run_id}/events',
    request: { params: dryRunParams, query: eventQuery },
    responses: { ...ERRORS, 200: answer(pageOfSchema(dryRunEvent), 'In the order of the replay.') },
  }),
  async (c) => {
    const { id, dry_run_id: dryRun } = c.req.valid('param');
    const { draft = null, kind = null, session = null, ...page } = c.req.valid('query');
    const requestId = c.get('requestId');
    return await withOwner(c, id, async (owner) => {
      const row = await findDryRun(databaseOf(c), id, dryRun);
      if (!row) return fail(requestId, unknownDryRun(id, dryRun));
      if (row.emptiedAt !== null) {
        const message = `the events of dry run ${dryRun} were kept for 90 days, until ${row.emptiedAt}; its result stays`;
        return fail(requestId, { why: 'conflict', message });
      }
      const names = (await askedDraftsOf(databaseOf(c), [row.id])).map(({ name }) => name);
      const place = draft === null ? null : placeOf(names, draft);
      if (draft !== null && place === null) return fail(requestId, unknownDraft(names));
      const read = async ({
        after,
        limit,
      }: {
        after: string | null;
        limit: number;
      }): Promise<KeptEvent[]> => {
        const filter = { draft: place, kind, session };
        const position = { after: Number(after ?? 0), limit };
        const said = await askDryRun(c.get('bindings'), row, owner, (job) => job.events(filter, position));
        if (!said) throw new DryRunAway();
        return said.answer;
      };
      try {
        const query = {
          list: 'dry_run_events',
          dry_run: row.id,
          draft: place === null ? null : String(place),
          kind,
          session,
        };
        const events = await pageOf(query, page, read, (event) => String(event.id));
        if (!events) return fail(requestId, WRONG_CURSOR);
        return c.json({ ...events, data: events.data.map((event) => toEventView(event, names)) }, 200);
      } catch (error) {
        if (error instanceof DryRunAway) return fail(requestId, { why: 'dry_run_away' });
        throw error;
      }
    });
  },
);
