/** A month of a cost center, as facts: what a review shows, and what its sentences are made from. */
import type { PolicyProblem } from '../../../durable-objects/core/policy/types.ts';
import type {
  BreachRow,
  BreachSubject,
  PolicyChange,
  RaisedRow,
  RequestedRow,
} from '../../store/review-events.ts';
import type { ExpiredHolds, RedirectedRow, Refusals, SpendRow } from '../../store/review-ledger.ts';
import type { BudgetUse, LimitFit } from './budget-use.ts';
import type { ReviewMonth } from './review-month.ts';

export interface RepeatedRaise extends RaisedRow {
  /** Null where the live policy has no such budget, or its windows are not known. */
  fit: LimitFit | null;
}

export interface MonthlyReview {
  month: ReviewMonth;
  /** ISO 8601, UTC. */
  asOf: string;
  livePolicyVersion: number | null;
  spend: SpendRow;
  previousSpend: SpendRow;
  breaches: BreachRow[];
  breachSubjects: BreachSubject[];
  raised: RaisedRow[];
  /** Of `raised`, those that were raised twice and more. */
  repeatedRaises: RepeatedRaise[];
  requested: RequestedRow[];
  redirected: RedirectedRow[];
  refusals: Refusals;
  expiredHolds: ExpiredHolds;
  /** About models of the live policy, as of now. */
  retiringModels: PolicyProblem[];
  /** About who hears of the live policy's stages, as of now. */
  unheard: PolicyProblem[];
  policyChanges: { changes: number; activations: number; newest: PolicyChange[] };
  /** Every budget of the live policy. */
  budgets: BudgetUse[];
  /** Of `budgets`, those that never came over 30 % of their limits. */
  unused: BudgetUse[];
  /** What this review cannot tell, a sentence each. */
  missing: string[];
}
