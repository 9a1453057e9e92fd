/** Trying drafts of a policy on recorded turns: what was asked for, checked, and the job of it. */
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import { reachOf } from '../../durable-objects/core/policy/reach.ts';
import type { KnownModels } from '../../durable-objects/core/policy/retirement.ts';
import type { Policy, PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import type { DryRunRpc } from '../../durable-objects/dry-runs/rpc.ts';
import { awayDaysQuery, awayDaysSentence } from '../../durable-objects/ledger/away-days.ts';
import { withinTime } from '../../durable-objects/ledger/deadline.ts';
import type { Bindings } from '../bindings.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import { documentDigest } from '../store/document-digest.ts';
import { type DryRun, type NewDryRun, windowKindsOf } from '../store/dry-runs.ts';
import { findPolicyVersion } from '../store/policy-versions.ts';
import { dryRunOf } from '../store/wallets.ts';
import { currentWarnings } from './known-models.ts';

const DAY_MS = 86_400_000;
const MAX_DAYS = 366;

/** A version or a document; `path` is where it stands in the request, with a dot behind it where it stands in something. */
export interface AskedPolicy {
  path: string;
  version: number | null;
  document: unknown;
  /** Null: it is named after what it is. */
  name: string | null;
}

/** A number of days up to now, or a half-open span (ISO 8601, UTC) whose open end is now. */
export type AskedSpan = { days: number } | { from: string; to: string | null };

export interface Asked {
  drafts: readonly AskedPolicy[];
  span: AskedSpan;
  seedStanding: boolean;
}

/** What of it cannot be: fields that are wrong, or days that cannot be read now. */
export type Obstacle = { problems: PolicyProblem[] } | { awayDays: string };

interface CheckedDraft {
  draft: NewDryRun['drafts'][number];
  policy: Policy;
}

interface Span {
  fromMs: number;
  toMs: number;
  isOpenEnded: boolean;
}

/** The span in epoch ms, at `nowMs`. */
function spanOf(asked: AskedSpan, nowMs: number): Result<Span, PolicyProblem> {
  if ('days' in asked) return ok({ fromMs: nowMs - asked.days * DAY_MS, toMs: nowMs, isOpenEnded: true });
  const fromMs = Date.parse(asked.from);
  const toMs = asked.to === null ? nowMs : Date.parse(asked.to);
  if (toMs > nowMs)
    return err({ path: 'to', message: 'expected a moment that is past, or none for up to now' });
  if (fromMs >= toMs) return err({ path: 'from', message: 'expected a moment before the end of the span' });
  if (toMs - fromMs > MAX_DAYS * DAY_MS) {
    return err({ path: 'from', message: `expected a span of at most ${MAX_DAYS} days` });
  }
  return ok({ fromMs, toMs, isOpenEnded: asked.to === null });
}

/** Reads one draft; a version was valid once, and models it names may have gone since. */
async function checkDraft(
  database: Database,
  owner: CostCenter,
  { path, version, document: given, name }: AskedPolicy & { name: string },
  known: KnownModels,
): Promise<Result<CheckedDraft, PolicyProblem[]>> {
  const row = version === null ? null : await findPolicyVersion(database, owner.id, version);
  if (version !== null && !row) {
    const message = `expected a policy version of cost center ${owner.id}: there is no version ${version}`;
    return err([{ path: `${path}version`, message }]);
  }
  const document = row ? row.document : given;
  const enforce = row ? ('stored' as const) : ('new' as const);
  const parsed = parsePolicy(document, { timezone: owner.timezone, ...known, enforce });
  if (!parsed.ok) {
    const prefix = path === '' ? '' : `${path}policy.`;
    return err(parsed.error.map((each) => ({ ...each, path: `${prefix}${each.path}` })));
  }
  const warnings = row ? currentWarnings(row, known) : parsed.value.warnings;
  const draft = { name, version, document, digest: await documentDigest(document), warnings };
  return ok({ draft, policy: parsed.value.policy });
}

/** Every draft's name: its own, or what it is. */
function namesOf(drafts: readonly AskedPolicy[]): string[] {
  return drafts.map(({ name, version }, index) => {
    if (name !== null) return name;
    if (version !== null) return `version ${version}`;
    return drafts.length === 1 ? 'draft' : `draft ${index + 1}`;
  });
}

function repeatedNames(drafts: readonly AskedPolicy[], names: readonly string[]): PolicyProblem[] {
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    const message = `drafts[${first}] has the same name: expected names that tell drafts apart`;
    return first === index ? [] : [{ path: `${drafts[index]?.path ?? ''}name`, message }];
  });
}

/** What is to be replayed, or what stands in its way. Rejects where D1 is away. */
export async function planDryRun(
  { db, database }: { db: D1Database; database: Database },
  owner: CostCenter,
  asked: Asked,
  known: KnownModels,
): Promise<Result<NewDryRun, Obstacle>> {
  const span = spanOf(asked.span, known.nowMs);
  const names = namesOf(asked.drafts);
  const checked = await Promise.all(
    asked.drafts.map((each, index) =>
      checkDraft(database, owner, { ...each, name: names[index] ?? '' }, known),
    ),
  );
  const problems = [
    ...(span.ok ? [] : [span.error]),
    ...repeatedNames(asked.drafts, names),
    ...checked.flatMap((each) => (each.ok ? [] : each.error)),
  ];
  if (problems.length > 0 || !span.ok) return err({ problems });
  const drafts = checked.flatMap((each) => (each.ok ? [each.value] : []));
  const awayDays = await awayDaysOf({ db, database }, owner, drafts, span.value);
  if (awayDays.length > 0) return err({ awayDays: awayDaysSentence(awayDays) });
  const { seedStanding } = asked;
  const digest = await documentDigest({
    drafts: drafts.map(({ draft }) => draft.digest),
    span: asked.span,
    seed_standing: seedStanding,
    live_policy_version: owner.livePolicyVersion,
  });
  return ok({
    costCenter: owner.id,
    digest,
    fromAt: new Date(span.value.fromMs).toISOString(),
    toAt: new Date(span.value.toMs).toISOString(),
    seedStanding,
    livePolicyVersion: owner.livePolicyVersion,
    drafts: drafts.map(({ draft }) => draft),
    isOpenEnded: span.value.isOpenEnded,
  });
}

/** Archived days that the replay would have to read: of the span, and before it as far as windows reach. */
async function awayDaysOf(
  { db, database }: { db: D1Database; database: Database },
  { id }: CostCenter,
  drafts: readonly CheckedDraft[],
  { fromMs, toMs }: Span,
): Promise<string[]> {
  const kinds = drafts.flatMap(({ policy }) => policy.budgets.map(({ window }) => window));
  const startMs = reachOf([...kinds, ...(await windowKindsOf(database, id))], fromMs);
  const span = { from: new Date(startMs).toISOString(), to: new Date(toMs).toISOString() };
  const { results } = await awayDaysQuery(db, { costCenter: id, ...span }).all<{ day: string }>();
  return results.map(({ day }) => day);
}

const ANSWER_WITHIN_MS = 2_000;

/** Asks a dry run's object; null where it is away or did not answer in time. Asked once. */
export async function askDryRun<T>(
  bindings: Pick<Bindings, 'dryRuns'>,
  { id }: Pick<DryRun, 'id'>,
  { jurisdiction }: Pick<CostCenter, 'jurisdiction'>,
  call: (job: DryRunRpc) => Promise<T>,
): Promise<{ answer: T } | null> {
  try {
    const answer = await withinTime(call(dryRunOf(bindings, id, jurisdiction)), ANSWER_WITHIN_MS);
    return { answer };
  } catch (error) {
    console.warn({ message: 'a dry run did not answer', dryRun: id, error: String(error) });
    return null;
  }
}
