/** `/cost_centers/{id}/dry_runs`: try drafts of a policy on recorded turns, and see how far each is and what came of it. */
import { createRoute, z } from '@hono/zod-openapi';
import { askDryRun, planDryRun } from '../../policy/dry-runs.ts';
import { knownModels } from '../../policy/known-models.ts';
import type { CostCenter } from '../../store/cost-centers.ts';
import {
  askedDraftsOf,
  cancelDryRun,
  createDryRun,
  type DryRun,
  draftsOf,
  findDryRun,
  listDryRuns,
} from '../../store/dry-runs.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, ownerParams, pageOfSchema } from './contract.ts';
import {
  dryRunParams,
  dryRunSummary,
  dryRunView,
  toDryRunSummary,
  toDryRunView,
} from './dry-run-contract.ts';
import { askedOf, newDryRun } from './dry-run-request.ts';
import { type Failure, fail } from './failures.ts';
import { withOwner } from './owner.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';

export function unknownDryRun(costCenter: string, id: string): Failure {
  return { why: 'unknown', what: `dry run ${id} in cost center ${costCenter}` };
}

/** As it is now: what is not over says itself how far it is. */
async function viewOf(c: AdminContext, owner: CostCenter, row: DryRun) {
  const said =
    row.finishedAt === null ? await askDryRun(c.get('bindings'), row, owner, (job) => job.progress()) : null;
  return toDryRunView(row, await draftsOf(databaseOf(c), row.id), said?.answer ?? null);
}

export const dryRuns = adminRouter();

dryRuns.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/dry_runs',
    request: { params: ownerParams, body: body(newDryRun) },
    responses: {
      ...ERRORS,
      200: answer(dryRunView, 'The first one that was asked the same.'),
      201: answer(dryRunView, 'It is queued, and begins at once.'),
    },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async (owner) => {
      const requestId = c.get('requestId');
      const database = databaseOf(c);
      const authorship = authorshipOf(c);
      const known = await knownModels(database, Date.parse(authorship.at));
      const { db } = c.get('bindings');
      const plan = await planDryRun({ db, database }, owner, askedOf(c.req.valid('json')), known);
      if (!plan.ok) {
        return 'problems' in plan.error
          ? fail(requestId, { why: 'invalid', problems: plan.error.problems })
          : fail(requestId, { why: 'conflict', message: plan.error.awayDays });
      }
      const made = await createDryRun(database, plan.value, authorship);
      if (made === 'contended') return fail(requestId, { why: 'contended' });
      const { row, isNew } = made;
      // Where this does not get through, the next scheduled run starts it.
      if (row.finishedAt === null) {
        await askDryRun(c.get('bindings'), row, owner, (job) => job.start(row.id));
      }
      return c.json(await viewOf(c, owner, row), isNew ? 201 : 200);
    }),
);

dryRuns.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/dry_runs',
    request: { params: ownerParams, query: z.strictObject(pageQuery) },
    responses: { ...ERRORS, 200: answer(pageOfSchema(dryRunSummary), 'Newest first, without results.') },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async ({ id }) => {
      const database = databaseOf(c);
      const page = await pageOf(
        { list: 'dry_runs', cost_center: id },
        c.req.valid('query'),
        (position) => listDryRuns(database, id, position),
        (row) => row.id,
      );
      if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
      const drafts = await askedDraftsOf(
        database,
        page.data.map((row) => row.id),
      );
      const data = page.data.map((row) => {
        const own = drafts.filter(({ dryRun }) => dryRun === row.id);
        return toDryRunSummary(row, own, null);
      });
      return c.json({ ...page, data }, 200);
    }),
);

dryRuns.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/dry_runs/{dry_run_id}',
    request: { params: dryRunParams },
    responses: { ...ERRORS, 200: answer(dryRunView, 'The dry run, with its result once it succeeded.') },
  }),
  async (c) => {
    const { id, dry_run_id: dryRun } = c.req.valid('param');
    return await withOwner(c, id, async (owner) => {
      const row = await findDryRun(databaseOf(c), id, dryRun);
      if (!row) return fail(c.get('requestId'), unknownDryRun(id, dryRun));
      return c.json(await viewOf(c, owner, row), 200);
    });
  },
);

dryRuns.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/dry_runs/{dry_run_id}/cancel',
    request: { params: dryRunParams },
    responses: { ...ERRORS, 200: answer(dryRunView, 'The dry run, cancelled.') },
  }),
  async (c) => {
    const { id, dry_run_id: dryRun } = c.req.valid('param');
    const requestId = c.get('requestId');
    return await withOwner(c, id, async (owner) => {
      const row = await cancelDryRun(databaseOf(c), { costCenter: id, id: dryRun }, authorshipOf(c));
      if (row === 'unknown') return fail(requestId, unknownDryRun(id, dryRun));
      if (row === 'contended') return fail(requestId, { why: 'contended' });
      if (row.status !== 'cancelled') {
        const message = `dry run ${dryRun} is over: it ${row.status} at ${row.finishedAt}`;
        return fail(requestId, { why: 'conflict', message });
      }
      // Where this does not get through, it finds out before its next slice.
      await askDryRun(c.get('bindings'), row, owner, (job) => job.cancel());
      return c.json(await viewOf(c, owner, row), 200);
    });
  },
);
