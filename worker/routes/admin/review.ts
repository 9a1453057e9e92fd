/** `/cost_centers/{id}/review`: a month of a cost center, and what in it is worth looking at. */
import { createRoute, z } from '@hono/zod-openapi';
import { reviewOf } from '../../policy/review/review.ts';
import { reviewMonth } from '../../policy/review/review-month.ts';
import { adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS, ownerParams } from './contract.ts';
import { fail } from './failures.ts';
import { withOwner } from './owner.ts';
import { reviewView } from './review-contract.ts';
import { viewOfReview } from './review-view.ts';

const reviewQuery = z.strictObject({
  month: z.string().optional().openapi({
    example: '2026-10',
    description: 'UTC; the last one that is finished where absent. The running one is allowed.',
  }),
});

export const reviews = adminRouter();

reviews.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/review',
    request: { params: ownerParams, query: reviewQuery },
    responses: { ...ERRORS, 200: answer(reviewView, 'The month, as of now.') },
  }),
  async (c) => {
    const month = reviewMonth(c.req.valid('query').month, Date.now());
    if (typeof month === 'string') {
      return fail(c.get('requestId'), { why: 'invalid', problems: [{ path: 'month', message: month }] });
    }
    return await withOwner(c, c.req.valid('param').id, async (owner) => {
      const review = await reviewOf(databaseOf(c), owner, month, c.get('bindings'));
      return c.json(viewOfReview(owner.id, review), 200);
    });
  },
);
