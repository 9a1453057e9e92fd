/** The steps up to an approval: submit, approve, reject. Each a function of the facts, for `takeStep`. */
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import { mayBe, type Principal } from '../auth/principal.ts';
import { latestDryRunOf } from '../store/dry-runs.ts';
import { lastRollout } from '../store/policy-rollouts.ts';
import type { PolicyEdit, PolicyFacts } from '../store/policy-versions.ts';
import { conflict, type LifecycleContext, type Verdict } from './lifecycle.ts';
import { signVersion } from './signing.ts';
import { staleWhy } from './staleness.ts';

/** What the state is called in the middle of a sentence. */
const STATES = {
  draft: 'is a draft',
  submitted: 'is submitted and waits for an approval',
  approved: 'is approved',
  scheduled: 'is scheduled',
  canary: 'is running as a canary',
  live: 'is live',
  retired: 'was live and is retired',
  rejected: 'was rejected',
} as const;

/** "version 3 is a draft". */
export function stateOf({ row }: PolicyFacts): string {
  const isFormerCanary = row.state === 'retired' && row.activatedAt === null;
  if (isFormerCanary) return `version ${row.version} is a canary that its guard ended`;
  return `version ${row.version} ${STATES[row.state]}`;
}

/** What is wrong with the document as of now; null where nothing is. */
export function documentProblems({ owner, row }: PolicyFacts, { known }: LifecycleContext): Verdict | null {
  const parsed = parsePolicy(row.document, { timezone: owner.timezone, ...known });
  return parsed.ok ? null : { kind: 'invalid', problems: parsed.error };
}

const NOT_APPROVED: PolicyEdit = {
  approvedAt: null,
  approvedBy: null,
  approvalNote: null,
  dryRun: null,
  signed: null,
};
const NOT_REJECTED: PolicyEdit = { rejectedAt: null, rejectedBy: null, rejectionReason: null };

/** Asks for an approval: of a draft, of what was rejected, and anew of what went stale. */
export function submit(context: LifecycleContext, note: string | null) {
  return (facts: PolicyFacts): Verdict => {
    const { row, owner } = facts;
    const isStale = staleWhy(facts) !== null;
    if (row.state === 'submitted' && !isStale) return { kind: 'unchanged' };
    const isWaiting = row.state === 'submitted' || row.state === 'approved';
    if (row.state !== 'draft' && row.state !== 'rejected' && !(isWaiting && isStale)) {
      return conflict(`${stateOf(facts)}, so it cannot be submitted`);
    }
    const problems = documentProblems(facts, context);
    if (problems) return problems;
    const { actor, at } = context.authorship;
    const submitted = { note, submittedAt: at, submittedBy: actor, baseVersion: owner.livePolicyVersion };
    const edit = { state: 'submitted' as const, ...NOT_APPROVED, ...NOT_REJECTED, ...submitted };
    return { kind: 'move', move: { action: 'policy.submit', edit } };
  };
}

/** Who approves is neither who wrote the document nor who submitted it. */
function ownPart({ row }: PolicyFacts, principal: Principal): string | null {
  const { actor } = principal;
  const parts = [
    ...row.authors.map((by) => ({ by, did: 'wrote' })),
    ...(row.submittedBy === null ? [] : [{ by: row.submittedBy, did: 'submitted' }]),
  ].map((part) => ({ ...part, what: `${part.did} version ${row.version}` }));
  const own = parts.find(({ by }) => by === actor);
  if (own) return `${actor} ${own.what}`;
  const perhaps = parts.find(({ by }) => mayBe(principal, by));
  return perhaps ? `${actor} may be ${perhaps.by}, who ${perhaps.what}` : null;
}

const NO_SUCH_DRY_RUN = {
  path: 'dry_run',
  message: 'expected the id of a dry run that succeeded with the document of this version',
};

/** Approves what was submitted, and signs it. `dryRun`: the one the approval rests on; null: the latest of the document. */
export function approve(context: LifecycleContext, given: { note: string | null; dryRun: string | null }) {
  return async (facts: PolicyFacts): Promise<Verdict> => {
    const { row, owner } = facts;
    const { principal, settings } = context;
    const stale = staleWhy(facts);
    if (row.state !== 'submitted' && row.state !== 'approved') {
      const advice =
        row.state === 'draft' || row.state === 'rejected' ? 'submit it first' : 'there is nothing to approve';
      return conflict(`${stateOf(facts)}: ${advice}`);
    }
    if (stale) return conflict(`${stale}: submit it again, and approve it then`);
    if (row.state === 'approved') return { kind: 'unchanged' };
    const own = ownPart(facts, principal);
    if (own && settings.policyFourEyes) return conflict(`${own}: another person has to approve it`);
    const problems = documentProblems(facts, context);
    if (problems) return problems;
    const rested = await latestDryRunOf(context.database, row, given.dryRun);
    if (!rested && given.dryRun !== null) return { kind: 'invalid', problems: [NO_SUCH_DRY_RUN] };
    const dryRun = rested?.id ?? null;
    const { actor, at } = context.authorship;
    const { issuer, subject, email } = principal;
    const four_eyes = own ? ('waived' as const) : ('kept' as const);
    const claims = { issuer, subject, email, actor, at, four_eyes, dry_run: dryRun };
    const signed = await signVersion(row, owner.livePolicyVersion, claims, settings.signingKeys);
    const approved = { approvedAt: at, approvedBy: actor, approvalNote: given.note, dryRun };
    const edit = { state: 'approved' as const, ...approved, signed };
    return { kind: 'move', move: { action: 'policy.approve', edit, after: { four_eyes } } };
  };
}

/** Turns down what was submitted, or takes an approval back before it was used. */
export function reject({ authorship }: LifecycleContext, reason: string) {
  return (facts: PolicyFacts): Verdict => {
    const { state } = facts.row;
    if (state === 'rejected') return { kind: 'unchanged' };
    if (state !== 'submitted' && state !== 'approved') {
      const advice = state === 'scheduled' ? 'unschedule it first' : 'there is nothing to reject';
      return conflict(`${stateOf(facts)}: ${advice}`);
    }
    const { actor, at } = authorship;
    const rejected = { rejectedAt: at, rejectedBy: actor, rejectionReason: reason };
    const edit = { state: 'rejected' as const, ...NOT_APPROVED, ...rejected };
    return { kind: 'move', move: { action: 'policy.reject', edit } };
  };
}

/** Puts another document in a draft's place. */
export function replace({ database, authorship, known }: LifecycleContext, document: unknown) {
  return async (facts: PolicyFacts): Promise<Verdict> => {
    const { row, owner } = facts;
    const parsed = parsePolicy(document, { timezone: owner.timezone, ...known });
    if (!parsed.ok) return { kind: 'invalid', problems: parsed.error };
    if (row.state !== 'draft') {
      return conflict(`${stateOf(facts)}, and only drafts are changed: store the document as a new version`);
    }
    if (JSON.stringify(row.document) === JSON.stringify(document)) return { kind: 'unchanged' };
    if (await lastRollout(database, owner.id, row.version)) {
      const decided = `version ${row.version} decided over sessions as a canary`;
      return conflict(`${decided}, and the ledger names it: store the document as a new version`);
    }
    const authors = [...row.authors.filter((each) => each !== authorship.actor), authorship.actor];
    const { warnings } = parsed.value;
    return { kind: 'move', move: { action: 'policy.replace', edit: { document, warnings, authors } } };
  };
}
