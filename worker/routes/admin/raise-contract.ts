/** What a raise looks like in requests and answers. What `budget` and `subject` may be is the live policy's to say. */
import { z } from '@hono/zod-openapi';
import { ownerParams } from './contract.ts';
import { futureInstant, positiveUsd, reason } from './fields.ts';
import { pageQuery } from './paging.ts';

export const raiseParams = ownerParams.extend({ raise_id: z.string() });

const MAX_SUBJECT_LENGTH = 320;

export const newRaise = z
  .strictObject({
    budget: z.string().openapi({ description: 'A budget of the live policy.', example: 'team-day' }),
    subject: z.string().min(1).max(MAX_SUBJECT_LENGTH).nullable().optional().openapi({
      description: 'The developer, key or session it is for; absent: everyone the budget counts.',
    }),
    extra_usd: positiveUsd,
    until: futureInstant,
    reason,
  })
  .openapi('NewRaise');

export const raiseQuery = z.strictObject({
  active: z
    .enum(['true', 'false'])
    .optional()
    .openapi({ description: 'Only raises in force, or only those that are over; both where absent.' }),
  ...pageQuery,
});

export const raiseView = z
  .object({
    id: z.string(),
    budget: z.string(),
    subject: z.string().nullable(),
    extra_usd: z.string(),
    until: z.string(),
    reason: z.string(),
    ended_at: z.string().nullable().openapi({ description: 'Null unless somebody ended it before `until`.' }),
    created_at: z.string(),
  })
  .openapi('Raise');
