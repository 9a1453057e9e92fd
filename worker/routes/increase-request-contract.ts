/**
 * What increase requests look like in requests and answers. Names are those of the official SDK's
 * SpendLimitIncreaseRequest where they fit; what Bursar knows beyond it stands beside them.
 */
import { z } from '@hono/zod-openapi';
import { INCREASE_STATUSES } from '../store/tables.ts';
import { futureInstant, positiveUsd, reason, session } from './admin/fields.ts';

export const newIncreaseRequest = z
  .strictObject({
    budget: z.string().openapi({ description: 'A budget of the live policy.', example: 'dev-day' }),
    extra_usd: positiveUsd,
    reason,
    session: session.optional().openapi({ description: 'Of a budget that is counted a session.' }),
  })
  .openapi('NewIncreaseRequest');

export const approval = z
  .strictObject({
    extra_usd: positiveUsd.optional().openapi({ description: 'In place of what was asked for.' }),
    until: futureInstant
      .optional()
      .openapi({ description: 'When the raise ends; the end of the budget’s window where absent.' }),
    reason: reason.optional(),
  })
  .openapi('IncreaseApproval');

export const denial = z.strictObject({ reason: reason.optional() }).openapi('IncreaseDenial');

const text = z.string();

export const increaseRequestView = z
  .object({
    type: z.literal('spend_limit_increase_request'),
    id: text,
    cost_center: text,
    actor: z.object({
      type: z.literal('user_actor'),
      user_id: text,
      email_address: text.nullable(),
      name: text.nullable(),
      deleted: z.boolean(),
    }),
    budget: text,
    subject: text.nullable().openapi({
      description: 'Whom the raise is for: the developer, key or session; null: everyone the budget counts.',
    }),
    period: z.enum(['daily', 'weekly', 'monthly']).nullable(),
    extra_usd: text,
    reason: text.nullable(),
    status: z.enum(INCREASE_STATUSES),
    created_at: text,
    expires_at: text,
    resolved_at: text.nullable(),
    resolved_by: text.nullable(),
    resolution: text.nullable().openapi({ description: 'What whoever answered said.' }),
    approved_usd: text.nullable(),
    raise: text.nullable(),
  })
  .openapi('IncreaseRequest');
