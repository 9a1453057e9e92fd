/** What a policy version looks like in requests and answers. The document's own rules are core/policy's. */
import { z } from '@hono/zod-openapi';
import type { KnownModels } from '../../../durable-objects/core/policy/retirement.ts';
import { currentWarnings } from '../../policy/known-models.ts';
import { untriedWarnings } from '../../policy/tried-versions.ts';
import { type PolicyVersionRow, viewOfPolicyVersion } from '../../store/policy-versions.ts';
import { POLICY_STATES } from '../../store/tables.ts';
import { ownerParams } from './contract.ts';

export const versionParams = ownerParams.extend({
  version: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'expected the number of a version')
    .transform(Number)
    .openapi({ type: 'integer', example: 1 }),
});

export const newPolicy = z
  .strictObject({
    policy: z.record(z.string(), z.unknown()).openapi({ description: 'The policy document.' }),
  })
  .openapi('NewPolicy');

const problem = z.object({ path: z.string(), message: z.string() });

export const policyVersionView = z
  .object({
    version: z.number().int(),
    state: z.enum(POLICY_STATES),
    warnings: z.array(problem).openapi({
      description:
        'What is allowed but doubtful. About the end of a model: as of now, not of when it was stored.',
    }),
    policy: z.unknown(),
    created_at: z.string(),
    activated_at: z.string().nullable(),
  })
  .openapi('PolicyVersion');

/**
 * A version as the API shows it: among the warnings what is known of its models today, and whether it is one of the
 * `untried`.
 */
export function toPolicyVersionView(row: PolicyVersionRow, known: KnownModels, untried: ReadonlySet<number>) {
  const warnings = [...currentWarnings(row, known), ...untriedWarnings(row.version, untried)];
  return { ...viewOfPolicyVersion(row), warnings };
}
