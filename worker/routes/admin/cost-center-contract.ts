/** What a cost center looks like in requests and answers. */
import { z } from '@hono/zod-openapi';
import { costCenterId, displayName, timezone } from './fields.ts';

const manager = z.strictObject({
  name: displayName,
  email: z.email().max(320),
  slack_user_id: z.string().trim().min(1).max(64).nullable().optional(),
});

export const newCostCenter = z
  .strictObject({
    id: costCenterId,
    name: displayName,
    timezone,
    manager,
    jurisdiction: z
      .literal('eu')
      .nullable()
      .optional()
      .openapi({ description: 'Where the wallet must stay; fixed at creation.' }),
  })
  .openapi('NewCostCenter');

export const costCenterEdit = z
  .strictObject({
    name: displayName.optional(),
    timezone: timezone.optional(),
    manager: manager.partial().optional(),
  })
  .openapi('CostCenterEdit');

const instant = z.string().nullable();

export const costCenterView = z
  .object({
    id: z.string(),
    name: z.string(),
    timezone: z.string(),
    manager: z.object({
      name: z.string().nullable(),
      email: z.string().nullable(),
      slack_user_id: z.string().nullable(),
    }),
    jurisdiction: z.literal('eu').nullable(),
    archived_at: instant,
    paused_at: instant,
    paused_until: instant,
    paused_reason: z.string().nullable(),
    exempt_until: instant.openapi({ description: 'Until then no budget warns, steps down or refuses.' }),
    exempt_reason: z.string().nullable(),
    live_policy_version: z.number().int().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .openapi('CostCenter');
