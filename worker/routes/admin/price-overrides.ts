/** `/price_overrides`: prices that were negotiated, for the whole organisation. They begin in the future only. */
import { createRoute, z } from '@hono/zod-openapi';
import type { PolicyProblem } from '../../../durable-objects/core/policy/types.ts';
import {
  createPriceOverride,
  endPriceOverride,
  findOverlap,
  listPriceOverrides,
  type PriceOverrideRow,
  viewOfPriceOverride,
} from '../../store/price-overrides.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';
import { pageOf, WRONG_CURSOR } from './paging.ts';
import {
  newPriceOverride,
  priceOverrideParams,
  priceOverrideQuery,
  priceOverrideView,
  toNewPriceOverride,
} from './price-override-contract.ts';
import { problemsOf } from './problems.ts';
import { tellWallets } from './tell-wallets.ts';

export const priceOverrides = adminRouter();

function overlapProblem({ id, model, effectiveFrom, effectiveUntil }: PriceOverrideRow): PolicyProblem {
  const whose = model === null ? 'every model' : model;
  const span = `${effectiveFrom} until ${effectiveUntil ?? 'further notice'}`;
  const message = `overlaps with ${id}, which is in force for ${whose} from ${span}: end that one, or choose another span`;
  return { path: 'effective_from', message };
}

const { model, effective_from: from, effective_until: until } = newPriceOverride.shape;
/** Enough of a body to say whether it overlaps, whatever else is wrong with it. */
const readableSpan = z.object({ model, effective_from: from, effective_until: until });

/** Everything wrong with a request at once: in its shape, and where it overlaps. */
async function refuse(
  c: AdminContext,
  { target, error }: { target: string; error: Parameters<typeof problemsOf>[0] },
): Promise<Response> {
  const problems = problemsOf(error);
  const span = target === 'json' ? readableSpan.safeParse(await c.req.json()) : null;
  if (span?.success) {
    const { model: named, effective_from: effectiveFrom, effective_until: effectiveUntil = null } = span.data;
    const overlapping = await findOverlap(databaseOf(c), { model: named, effectiveFrom, effectiveUntil });
    if (overlapping) problems.push(overlapProblem(overlapping));
  }
  return fail(c.get('requestId'), { why: 'invalid', problems });
}

/** Wallets that are not reached take it up within minutes, and turns name what they were charged with. */
async function told(c: AdminContext): Promise<void> {
  await tellWallets(c.get('bindings'), () => true);
}

priceOverrides.openapi(
  createRoute({
    method: 'post',
    path: '/price_overrides',
    request: { body: body(newPriceOverride) },
    responses: {
      ...ERRORS,
      201: answer(priceOverrideView, 'The negotiated price, which wallets were told of.'),
    },
  }),
  async (c) => {
    const requestId = c.get('requestId');
    const fields = toNewPriceOverride(c.req.valid('json'));
    const outcome = await createPriceOverride(databaseOf(c), fields, authorshipOf(c));
    if (outcome === 'contended') return fail(requestId, { why: 'contended' });
    if ('overlapping' in outcome) {
      return fail(requestId, { why: 'invalid', problems: [overlapProblem(outcome.overlapping)] });
    }
    await told(c);
    return c.json(viewOfPriceOverride(outcome.created), 201);
  },
  (result, c) => (result.success ? undefined : refuse(c, result)),
);

priceOverrides.openapi(
  createRoute({
    method: 'get',
    path: '/price_overrides',
    request: { query: priceOverrideQuery },
    responses: {
      ...ERRORS,
      200: answer(pageOfSchema(priceOverrideView), 'Newest first, those that are over too.'),
    },
  }),
  async (c) => {
    const page = await pageOf(
      { list: 'price_overrides' },
      c.req.valid('query'),
      (each) => listPriceOverrides(databaseOf(c), each),
      (row) => row.id,
    );
    if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
    return c.json({ ...page, data: page.data.map(viewOfPriceOverride) }, 200);
  },
);

priceOverrides.openapi(
  createRoute({
    method: 'delete',
    path: '/price_overrides/{price_override_id}',
    request: { params: priceOverrideParams },
    responses: {
      ...ERRORS,
      204: { description: 'It is over for turns from now on; those admitted before keep it.' },
    },
  }),
  async (c) => {
    const { price_override_id: id } = c.req.valid('param');
    const requestId = c.get('requestId');
    const ended = await endPriceOverride(databaseOf(c), id, authorshipOf(c));
    if (ended === 'unknown') return fail(requestId, { why: 'unknown', what: `price override ${id}` });
    if (ended === 'contended') return fail(requestId, { why: 'contended' });
    await told(c);
    return c.body(null, 204);
  },
);
