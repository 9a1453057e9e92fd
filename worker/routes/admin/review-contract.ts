/** What the review of a month looks like in an answer. Money is decimal USD, instants ISO 8601 in UTC. */
import { z } from '@hono/zod-openapi';
import { SCOPES, WINDOWS } from '../../../durable-objects/core/policy/types.ts';

const usd = z.string().openapi({ example: '85.20' });
const count = z.number().int();
const textOrNull = z.string().nullable();
const problem = z.object({ path: z.string(), message: z.string() });

const repeatedRaise = z.object({
  budget: z.string(),
  subject: textOrNull.openapi({ description: 'Null: everyone the budget counts.' }),
  raises: count,
  extra_usd: usd,
  limit_usd: usd.nullable().openapi({ description: 'Null, as what follows: not in the live policy.' }),
  windows: count.nullable(),
  windows_over_limit: count.nullable(),
  p90_usd: usd.nullable().openapi({ description: 'What nine of ten of its windows stay within.' }),
  suggested_limit_usd: usd.nullable().openapi({ description: 'Null: the limit fits nine of ten windows.' }),
});

const redirected = {
  charges: count,
  not_compared: count,
  asked_usd: usd.openapi({ description: 'On the models asked for, their warm caches included.' }),
  charged_usd: usd,
  saved_usd: usd.openapi({ description: 'Below zero: it cost money.' }),
};

const budgetUse = z.object({
  budget: z.string(),
  scope: z.enum(SCOPES),
  window: z.enum(WINDOWS),
  line: textOrNull,
  limit_usd: usd,
  windows: count.nullable().openapi({
    description:
      'Days, weeks and months of UTC that began in the month, or sessions, with spend, one a subject.',
  }),
  median_usd: usd,
  p90_usd: usd,
  highest_usd: usd,
  highest_subject: textOrNull,
  highest_utilization: z.number(),
});

export const reviewView = z
  .object({
    cost_center: z.string(),
    month: z.string().openapi({ example: '2026-10' }),
    from: z.string(),
    to: z.string(),
    finished: z.boolean(),
    as_of: z.string(),
    live_policy_version: count.nullable(),
    look_at: z.array(z.string()).openapi({ description: 'Sentences, gravest first, at most 20.' }),
    missing: z.array(z.string()).openapi({ description: 'What this review cannot tell.' }),
    spend: z.object({
      charged_usd: usd,
      charges: count,
      developers: count,
      previous: z.object({ month: z.string(), to: z.string(), charged_usd: usd }),
      change: z
        .number()
        .nullable()
        .openapi({ description: 'A fraction of the month before; null of nothing.' }),
    }),
    breaches: z.array(
      z.object({
        budget: z.string(),
        stage: z.string(),
        do: z.enum(['alert', 'downgrade', 'pause']),
        breaches: count,
        windows: count,
        subjects: count,
        most_often: z.array(z.object({ subject: z.string(), breaches: count })),
      }),
    ),
    raises: z.object({ raises: count, extra_usd: usd, repeated: z.array(repeatedRaise) }),
    increase_requests: z.object({
      requests: count,
      approved: count,
      denied: count,
      expired: count,
      pending: count,
      asked_usd: usd,
      approved_usd: usd,
      by_budget: z.array(
        z.object({
          budget: z.string(),
          status: z.enum(['pending', 'approved', 'denied', 'expired']),
          requests: count,
          asked_usd: usd,
          approved_usd: usd,
        }),
      ),
    }),
    step_downs: z.object({
      saved_usd: usd,
      by_stage: z.array(z.object({ stage: textOrNull, ...redirected })),
    }),
    routes: z.object({
      saved_usd: usd,
      by_route: z.array(z.object({ route: textOrNull, ...redirected })),
    }),
    refusals: z.object({
      refusals: count,
      sessions: count,
      developers: count,
      reasons: z.array(z.object({ reason: z.string(), refusals: count, sessions: count })),
      longest: z.array(
        z.object({
          session: z.string(),
          developer: z.string(),
          refusals: count,
          first_at: z.string(),
          last_at: z.string(),
          went_on_at: textOrNull,
        }),
      ),
    }),
    expired_holds: z.object({
      charges: count,
      corrected: count,
      estimated_usd: usd,
      corrections_usd: usd,
    }),
    retiring_models: z.array(problem),
    unheard_stages: z.array(problem),
    policy_changes: z.object({
      changes: count,
      activations: count,
      newest: z.array(
        z.object({ at: z.string(), actor: z.string(), action: z.string(), version: z.string() }),
      ),
    }),
    budgets: z.array(budgetUse),
    unused_budgets: z.array(z.string()).openapi({ description: 'Never over 30 % of the limit.' }),
  })
  .openapi('MonthlyReview');

export type ReviewView = z.infer<typeof reviewView>;
