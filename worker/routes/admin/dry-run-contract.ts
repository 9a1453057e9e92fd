/** What a dry run looks like in answers. */
import { z } from '@hono/zod-openapi';
import { STAGE_ACTIONS } from '../../../durable-objects/core/policy/types.ts';
import type { DryRunProgress, KeptEvent, KeptResult } from '../../../durable-objects/dry-runs/rpc.ts';
import { DRY_RUN_STATUSES } from '../../store/dry-run-tables.ts';
import type { AskedDraft, DryRun, DryRunDraft } from '../../store/dry-runs.ts';
import { ownerParams } from './contract.ts';
import { pageQuery } from './paging.ts';

const count = z.number().int();
const usd = z.string().openapi({ description: 'US dollars, a decimal string.', example: '85.20' });
const textOrNull = z.string().nullable();

const pausedSession = z.object({
  session: z.string(),
  developer: z.string(),
  at: z.string(),
  budget: z.string(),
  turns_lost: count.openapi({
    description: 'Turns that were served in reality, and come after the refused one.',
  }),
});

const day = z.object({
  day: z.string().openapi({ description: "In the draft's time zone." }),
  turns: count,
  cost_actual_usd: usd,
  cost_replayed_usd: usd,
  refused_turns: count,
  downgraded_turns: count,
  routed_turns: count,
  budgets: z.array(
    z.object({
      budget: z.string(),
      spend_usd: usd,
      peak_utilization: z.number(),
      end_utilization: z.number(),
      subject: z.string().openapi({ description: 'Who came furthest on the day.' }),
    }),
  ),
});

const calibration = z
  .object({
    turns: count,
    decisions_equal: count,
    cost_actual_usd: usd,
    cost_replayed_usd: usd,
    cost_error_usd: usd,
    refused_by_people: count,
    differences: z.array(z.object({ turn_id: z.string(), recorded: z.string(), replayed: z.string() })),
  })
  .openapi({
    description: 'The policies that were in force, replayed: how exactly what happened comes out.',
  });

export const dryRunResult = z
  .object({
    name: z.string(),
    turns: count,
    cost_actual_usd: usd,
    cost_replayed_usd: usd,
    saved_usd: usd,
    saved: z.object({
      price_usd: usd,
      cache_usd: usd,
      turns_not_happened_usd: usd,
      turns_added_usd: usd,
    }),
    downgraded_turns: count,
    routed_turns: count,
    refused_turns: count,
    turns_lost: count,
    postponed_turns: count,
    unknowable: z.object({ refused_turns: count, sessions: count, served_turns: count }),
    paused_sessions: z.array(pausedSession).openapi({ description: 'Worst first, at most 100.' }),
    paused_sessions_total: count,
    by_day: z.array(day),
    sensitivity: z.array(
      z.object({
        limits: z.enum(['0.9', '1.0', '1.1']),
        cost_replayed_usd: usd,
        refused_turns: count,
        turns_lost: count,
        downgraded_turns: count,
        routed_turns: count,
      }),
    ),
    events_left_out: count.openapi({ description: 'Events that were too many to keep; 0 of almost all.' }),
    calibration,
    assumptions: z.array(z.string()),
  })
  .openapi('DryRunResult') satisfies z.ZodType<KeptResult>;

const summary = {
  id: z.string().openapi({ example: 'dry_01KAX8M3T0N5V6W7X8Y9Z0ABCD' }),
  cost_center: z.string(),
  status: z.enum(DRY_RUN_STATUSES),
  error: textOrNull.openapi({ description: 'Why it failed.' }),
  from: z.string(),
  to: z.string(),
  seed_standing: z.boolean(),
  live_policy_version: count.nullable().openapi({ description: 'When it was asked for.' }),
  drafts: z.array(
    z.object({
      name: z.string(),
      version: count.nullable(),
      warnings: z.array(z.object({ path: z.string(), message: z.string() })),
    }),
  ),
  progress: z.object({
    rows_done: count,
    rows_total: count.openapi({
      description: 'Entries of the ledger in the span; 0 until they are counted.',
    }),
    eta_s: z.number().nullable().openapi({ description: 'Seconds to go; null while nobody can tell.' }),
  }),
  created_at: z.string(),
  started_at: textOrNull,
  finished_at: textOrNull,
};

export const dryRunSummary = z.object(summary).openapi('DryRunSummary');

export const dryRunView = z
  .object({
    ...summary,
    result: dryRunResult.nullable().openapi({ description: "The first draft's; null until it succeeded." }),
    results: z.array(dryRunResult).nullable().openapi({ description: 'Of all drafts, side by side.' }),
    notes: z.array(z.string()).openapi({ description: 'What to know before reading the result.' }),
  })
  .openapi('DryRun');

/** Without results; `progress` is what its object says, null where it was not asked or did not answer. */
export function toDryRunSummary(
  row: DryRun,
  drafts: readonly Omit<AskedDraft, 'document'>[],
  progress: DryRunProgress | null,
): z.infer<typeof dryRunSummary> {
  const isOver = row.finishedAt !== null;
  return {
    id: row.id,
    cost_center: row.costCenter,
    status: row.status,
    error: row.error,
    from: row.fromAt,
    to: row.toAt,
    seed_standing: row.seedStanding,
    live_policy_version: row.livePolicyVersion,
    drafts: drafts.map(({ name, version: number, warnings }) => ({ name, version: number, warnings })),
    progress: {
      rows_done: progress?.rowsDone ?? row.rowsDone,
      rows_total: progress?.rowsTotal ?? row.rowsTotal ?? 0,
      eta_s: isOver ? 0 : (progress?.etaS ?? null),
    },
    created_at: row.createdAt,
    started_at: row.startedAt,
    finished_at: row.finishedAt,
  };
}

type ResultView = z.infer<typeof dryRunResult>;

export function toDryRunView(
  row: DryRun,
  drafts: readonly DryRunDraft[],
  progress: DryRunProgress | null,
): z.infer<typeof dryRunView> {
  // JSON its object wrote.
  const results = row.status === 'succeeded' ? drafts.map(({ result }) => result as ResultView) : null;
  return {
    ...toDryRunSummary(row, drafts, progress),
    result: results?.[0] ?? null,
    results,
    notes: notesOf(row, results ?? []),
  };
}

function notesOf({ fromAt, toAt }: DryRun, results: readonly ResultView[]): string[] {
  const isEmpty = results[0]?.turns === 0;
  const empty = `no turn was recorded from ${fromAt} to ${toAt}: there was nothing to replay`;
  const crowded = results
    .filter(({ events_left_out: count }) => count > 0)
    .map(
      ({ name, events_left_out: count }) =>
        `${count} later events of "${name}" were too many to keep: its sums have them, its events do not`,
    );
  return [...(isEmpty ? [empty] : []), ...crowded];
}

export const dryRunParams = ownerParams.extend({ dry_run_id: z.string() });

const EVENT_KINDS = ['alert', 'downgrade', 'route', 'refusal'] as const;

export const eventQuery = z.strictObject({
  ...pageQuery,
  draft: z.string().optional().openapi({ description: 'Its name, or its place from 0; all where absent.' }),
  kind: z.enum(EVENT_KINDS).optional(),
  session: z.string().min(1).max(200).optional(),
});

export const dryRunEvent = z
  .object({
    draft: z.string(),
    kind: z.enum(EVENT_KINDS),
    at: z.string(),
    turn_id: z.string(),
    session: z.string(),
    developer: z.string(),
    model_asked: z.string(),
    model: textOrNull.openapi({ description: 'Null: refused.' }),
    budget: textOrNull,
    stage: textOrNull,
    stage_action: z.enum(STAGE_ACTIONS).nullable().openapi({ description: 'Of an alert.' }),
    subject: textOrNull.openapi({ description: 'Of an alert: whom the budget is counted for.' }),
    route: textOrNull,
    reasons: z.array(z.string()),
  })
  .openapi('DryRunEvent');

export function toEventView(event: KeptEvent, names: readonly string[]): z.infer<typeof dryRunEvent> {
  return {
    draft: names[event.draft] ?? '',
    kind: event.kind,
    at: new Date(event.atMs).toISOString(),
    turn_id: event.turnId,
    session: event.session,
    developer: event.developer,
    model_asked: event.modelAsked,
    model: event.model,
    budget: event.budget,
    stage: event.stage,
    stage_action: event.stageAction,
    subject: event.subject,
    route: event.route,
    reasons: [...event.reasons],
  };
}
