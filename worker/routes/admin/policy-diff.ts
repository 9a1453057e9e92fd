/** `/cost_centers/{id}/policies/{version}/diff`: what a version changes. */
import { createRoute, z } from '@hono/zod-openapi';
import { diffOf } from '../../policy/diff/policy-diff.ts';
import { findPolicyVersion } from '../../store/policy-versions.ts';
import { adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS } from './contract.ts';
import { fail } from './failures.ts';
import { withOwner } from './owner.ts';
import { versionParams } from './policy-contract.ts';
import { unknownVersion } from './policy-step.ts';

const against = z
  .string()
  .regex(/^(?:live|[1-9]\d{0,8})$/, 'expected "live" or the number of a version')
  .transform((text) => (text === 'live' ? ('live' as const) : Number(text)))
  .optional()
  .openapi({ type: 'string', example: 'live', description: 'The live version where absent.' });

const policyDiff = z
  .object({
    version: z.number().int(),
    against: z.number().int().nullable().openapi({ description: 'Null: there is no live version.' }),
    patch: z
      .array(z.object({ op: z.string(), path: z.string(), value: z.unknown().optional() }))
      .openapi({ description: 'RFC 6902, from the document of `against` (from {} without one).' }),
    words: z.array(z.string()).openapi({
      description: 'What changes in what the policy means, a sentence each.',
      example: ['team-day: limit 500.00 → 400.00 USD (−20 %)'],
    }),
  })
  .openapi('PolicyDiff');

export const policyDiffs = adminRouter();

policyDiffs.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/policies/{version}/diff',
    request: { params: versionParams, query: z.strictObject({ against }) },
    responses: { ...ERRORS, 200: answer(policyDiff, 'The difference, as operations and in words.') },
  }),
  async (c) => {
    const { id, version } = c.req.valid('param');
    const { against: named = 'live' } = c.req.valid('query');
    const requestId = c.get('requestId');
    const database = databaseOf(c);
    return await withOwner(c, id, async ({ timezone, livePolicyVersion }) => {
      const row = await findPolicyVersion(database, id, version);
      if (!row) return fail(requestId, unknownVersion(id, version));
      const number = named === 'live' ? livePolicyVersion : named;
      const base = number === null ? null : await findPolicyVersion(database, id, number);
      if (number !== null && !base) return fail(requestId, unknownVersion(id, number));
      const diff = diffOf(row, base, timezone);
      if (diff.ok) return c.json(diff.value, 200);
      const message = `version ${diff.error} cannot be read any more, so there is nothing to compare`;
      return fail(requestId, { why: 'conflict', message });
    });
  },
);
