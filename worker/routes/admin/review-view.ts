/** A review as the API shows it: field names, USD as decimals, and the sentences that follow from its facts. */
import type { BudgetUse } from '../../policy/review/budget-use.ts';
import { lookAt } from '../../policy/review/findings.ts';
import type { MonthlyReview, RepeatedRaise } from '../../policy/review/monthly-review.ts';
import type { RedirectedRow } from '../../store/review-ledger.ts';
import type { ReviewView } from './review-contract.ts';
import { sumInUsd } from './sum-in-usd.ts';

function total<Row>(rows: readonly Row[], amount: (row: Row) => string): string {
  return sumInUsd(rows.reduce((sum, row) => sum + BigInt(amount(row)), 0n).toString());
}

function sum<Row>(rows: readonly Row[], figure: (row: Row) => number): number {
  return rows.reduce((so, row) => so + figure(row), 0);
}

function ofBigint(amount: bigint): string {
  return sumInUsd(amount.toString());
}

function viewOfRaise({ budget, subject, raises, extraNanoUsd, fit }: RepeatedRaise) {
  const suggested = fit?.suggestedNanoUsd ?? null;
  return {
    budget,
    subject,
    raises,
    extra_usd: sumInUsd(extraNanoUsd),
    limit_usd: fit && ofBigint(fit.limitNanoUsd),
    windows: fit?.windows ?? null,
    windows_over_limit: fit?.windowsOverLimit ?? null,
    p90_usd: fit && ofBigint(fit.p90NanoUsd),
    suggested_limit_usd: suggested === null ? null : ofBigint(suggested),
  };
}

function viewOfUse({ budget, ...use }: BudgetUse): ReviewView['budgets'][number] {
  return {
    budget: budget.id,
    scope: budget.scope,
    window: budget.window,
    line: budget.line,
    limit_usd: sumInUsd(String(budget.limitNanoUsd)),
    windows: use.windows,
    median_usd: ofBigint(use.medianNanoUsd),
    p90_usd: ofBigint(use.p90NanoUsd),
    highest_usd: ofBigint(use.highest?.nanoUsd ?? 0n),
    highest_subject: use.highest?.subject ?? null,
    highest_utilization: use.highestUtilization,
  };
}

function viewOfRedirected(row: RedirectedRow) {
  return {
    charges: row.charges,
    not_compared: row.notCompared,
    asked_usd: sumInUsd(row.askedNanoUsd),
    charged_usd: sumInUsd(row.chargedNanoUsd),
    saved_usd: sumInUsd(row.savedNanoUsd),
  };
}

function viewOfSpend({ spend, previousSpend, month }: MonthlyReview): ReviewView['spend'] {
  const [now, before] = [spend, previousSpend].map((each) => Number(each.chargedNanoUsd));
  return {
    charged_usd: sumInUsd(spend.chargedNanoUsd),
    charges: spend.charges,
    developers: spend.developers,
    previous: {
      month: month.previous,
      to: month.previousTo,
      charged_usd: sumInUsd(previousSpend.chargedNanoUsd),
    },
    change: now === undefined || !before ? null : (now - before) / before,
  };
}

function viewOfRequests({ requested }: MonthlyReview): ReviewView['increase_requests'] {
  const ended = (status: string) =>
    sum(
      requested.filter((row) => row.status === status),
      (row) => row.requests,
    );
  return {
    requests: sum(requested, (row) => row.requests),
    approved: ended('approved'),
    denied: ended('denied'),
    expired: ended('expired'),
    pending: ended('pending'),
    asked_usd: total(requested, (row) => row.askedNanoUsd),
    approved_usd: total(requested, (row) => row.approvedNanoUsd),
    by_budget: requested.map((row) => ({
      budget: row.budget,
      status: row.status,
      requests: row.requests,
      asked_usd: sumInUsd(row.askedNanoUsd),
      approved_usd: sumInUsd(row.approvedNanoUsd),
    })),
  };
}

function viewOfBreaches({ breaches, breachSubjects }: MonthlyReview): ReviewView['breaches'] {
  const ACTIONS = { 'stage:alert': 'alert', 'stage:downgrade': 'downgrade', 'stage:pause': 'pause' } as const;
  return breaches.map(({ on, ...row }) => ({
    ...row,
    do: ACTIONS[on],
    most_often: breachSubjects
      .filter(({ stage }) => stage === row.stage)
      .map(({ subject, breaches: often }) => ({ subject, breaches: often })),
  }));
}

function viewOfRedirections({ redirected: rows }: MonthlyReview): Pick<ReviewView, 'step_downs' | 'routes'> {
  const stages = rows.filter(({ decision }) => decision === 'downgrade');
  const routes = rows.filter(({ decision }) => decision === 'route');
  return {
    step_downs: {
      saved_usd: total(stages, (row) => row.savedNanoUsd),
      by_stage: stages.map((row) => ({ stage: row.stage, ...viewOfRedirected(row) })),
    },
    routes: {
      saved_usd: total(routes, (row) => row.savedNanoUsd),
      by_route: routes.map((row) => ({ route: row.route, ...viewOfRedirected(row) })),
    },
  };
}

function viewOfRefusals({ refusals }: MonthlyReview): ReviewView['refusals'] {
  return {
    ...refusals,
    longest: refusals.longest.map(({ firstAt, lastAt, wentOnAt, ...session }) => ({
      ...session,
      first_at: firstAt,
      last_at: lastAt,
      went_on_at: wentOnAt,
    })),
  };
}

/** The review as the API shows it, with the sentences that follow from it. */
export function viewOfReview(costCenter: string, review: MonthlyReview): ReviewView {
  const { month, raised, expiredHolds } = review;
  return {
    cost_center: costCenter,
    month: month.month,
    from: month.from,
    to: month.to,
    finished: month.isFinished,
    as_of: review.asOf,
    live_policy_version: review.livePolicyVersion,
    look_at: lookAt(review),
    missing: review.missing,
    spend: viewOfSpend(review),
    breaches: viewOfBreaches(review),
    raises: {
      raises: sum(raised, (row) => row.raises),
      extra_usd: total(raised, (row) => row.extraNanoUsd),
      repeated: review.repeatedRaises.map(viewOfRaise),
    },
    increase_requests: viewOfRequests(review),
    ...viewOfRedirections(review),
    refusals: viewOfRefusals(review),
    expired_holds: {
      charges: expiredHolds.charges,
      corrected: expiredHolds.corrected,
      estimated_usd: sumInUsd(expiredHolds.estimatedNanoUsd),
      corrections_usd: sumInUsd(expiredHolds.correctionsNanoUsd),
    },
    retiring_models: review.retiringModels,
    unheard_stages: review.unheard,
    policy_changes: review.policyChanges,
    budgets: review.budgets.map(viewOfUse),
    unused_budgets: review.unused.map(({ budget }) => budget.id),
  };
}
