/** Raising a budget from an alert: until midnight by an amount, or to a number until its window ends. */
import { html } from 'hono/html';
import {
  formatDollars,
  formatUsd,
  MAX_LIMIT_NANO_USD,
  type NanoUsd,
  nanoUsd,
} from '../../durable-objects/core/money.ts';
import type { Budget } from '../../durable-objects/core/policy/types.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import { windowAt } from '../../durable-objects/core/window.ts';
import type { StandingView } from '../../durable-objects/wallet/rpc.ts';
import { raiseEnd } from '../policy/increase-request.ts';
import { livePolicy } from '../policy/live-policy.ts';
import { ceilingProblem, ownLimit } from '../policy/raise-ceiling.ts';
import { budgetOf, checkTarget } from '../policy/raise-target.ts';
import { createRaiseByLink, listRaises } from '../store/raises.ts';
import { hasKey } from '../store/virtual-keys.ts';
import { isInForce } from '../turn/raise-in-force.ts';
import type { Acting, Shown } from './acting.ts';
import { amountField, facts, form, problemNote } from './link-page.ts';
import { readAmount } from './posted-form.ts';
import { spentText, standingOf, timeText } from './shown-standing.ts';

const CENT = 10_000_000;
/** Raises of one budget in force at one time; beyond that nobody knows what they do. */
const MAX_RAISES = 1_000;

/** What a link raises, as things are now. */
interface Raising {
  budget: Budget;
  subject: string | null;
  timezone: string;
  /** Epoch ms. */
  endMs: number;
  /** With raises in force. */
  limit: NanoUsd;
  standing: StandingView | null;
}

async function limitNow({ database, owner, authorship }: Acting, budget: Budget, subject: string | null) {
  const filter = { inForce: true, at: authorship.at };
  const raises = await listRaises(database, owner.id, filter, { after: null, limit: MAX_RAISES });
  const counting = raises.filter(
    (each) => each.budget === budget.id && (each.subject === null || each.subject === (subject ?? owner.id)),
  );
  const extra = counting.reduce((sum, each) => sum + each.extraNanoUsd, 0);
  return nanoUsd(Math.min(ownLimit(budget, subject) + extra, MAX_LIMIT_NANO_USD));
}

/** Else a sentence why there is nothing to raise any more. */
async function raisingOf(acting: Acting): Promise<Result<Raising, string>> {
  const { database, owner, link, bindings, authorship } = acting;
  const name = link.budget ?? '';
  const live = await livePolicy(database, owner, name);
  const budget = budgetOf(live, name, owner);
  if (!live || !budget.ok) return err(`${name} is no budget of the live policy of ${owner.name} any more.`);
  const target = await checkTarget({ budget: name, subject: link.subject }, owner, database);
  if (!target.ok) return err(`${target.error.message}.`);
  const isShared = budget.value.scope === 'cost_center';
  const subject = isShared ? null : target.value.subject;
  if (
    budget.value.scope === 'developer' &&
    subject !== null &&
    !(await hasKey(database, owner.id, subject))
  ) {
    return err('This developer has no key here any more.');
  }
  const { timezone } = live.policy;
  const nowMs = Date.parse(authorship.at);
  const endMs =
    link.action === 'raise_to'
      ? raiseEnd(budget.value, timezone, nowMs)
      : windowAt('day', timezone, nowMs).endMs;
  const limit = await limitNow(acting, budget.value, subject);
  const standing = await standingOf(bindings, owner, name, [subject ?? owner.id]);
  return ok({ budget: budget.value, subject, timezone, endMs, limit, standing });
}

/** Half the limit above what is spent: enough to go on with, and not a second budget. */
function suggested({ budget, subject, limit, standing }: Raising): NanoUsd {
  const over = Math.max(0, (standing?.settledNanoUsd ?? 0) - limit);
  return nanoUsd(Math.ceil((over + ownLimit(budget, subject) / 2) / CENT) * CENT);
}

function view(raising: Raising, { owner, link }: Acting, problem: string | null): Shown {
  const { budget, subject, timezone, endMs, limit, standing } = raising;
  const until = timeText(endMs, timezone);
  const extra = suggested(raising);
  const field =
    link.action === 'raise_to'
      ? amountField('limit_usd', 'New limit in US dollars', formatUsd(nanoUsd(limit + extra)))
      : amountField('extra_usd', 'Raise by, in US dollars', formatUsd(extra));
  const body = html`${problemNote(problem)}
${facts([
  ['Team', owner.name],
  ['Budget', budget.id],
  ['For', subject],
  ['Spent', spentText(standing)],
  ['Limit now', formatDollars(limit)],
  ['Raised until', until],
])}
<p>Nothing has changed yet. The raise begins when you press the button, and ends by itself.</p>
${form(field, link.action === 'raise_to' ? 'Raise to this number' : 'Raise until midnight')}`;
  return { heading: `Raise ${budget.id} of ${owner.name}`, body, status: problem === null ? 200 : 400 };
}

/** By how much, or what is wrong with what was typed. */
function readExtra(
  raising: Raising,
  { link }: Acting,
  posted: Record<string, string>,
): Result<NanoUsd, string> {
  const { budget, subject, limit } = raising;
  const name = link.action === 'raise_to' ? 'limit_usd' : 'extra_usd';
  const amount = readAmount(name, posted[name]);
  if (!amount.ok) return amount;
  const extra = nanoUsd(link.action === 'raise_to' ? amount.value - limit : amount.value);
  if (extra <= 0) return err(`${name}: expected more than the limit is now, ${formatUsd(limit)}.`);
  const tooMuch = ceilingProblem(budget, subject, extra);
  return tooMuch === null ? ok(extra) : err(`${name}: ${tooMuch}.`);
}

const GONE = 'Nothing to raise any more';

export async function showRaise(acting: Acting): Promise<Shown> {
  const raising = await raisingOf(acting);
  if (!raising.ok) return { heading: GONE, body: html`<p>${raising.error}</p>`, status: 410 };
  return view(raising.value, acting, null);
}

export async function doRaise(acting: Acting, posted: Record<string, string>): Promise<Shown | 'used'> {
  const { database, owner, link, use, authorship, bindings } = acting;
  const raising = await raisingOf(acting);
  if (!raising.ok) return { heading: GONE, body: html`<p>${raising.error}</p>`, status: 410 };
  const extra = readExtra(raising.value, acting, posted);
  if (!extra.ok) return view(raising.value, acting, extra.error);
  const { budget, subject, endMs, timezone } = raising.value;
  const fields = {
    costCenter: owner.id,
    budget: budget.id,
    subject,
    extraNanoUsd: extra.value,
    until: new Date(endMs).toISOString(),
    reason: `alert ${link.event}`,
  };
  const raise = await createRaiseByLink(database, fields, use, authorship);
  if (!raise) return 'used';
  const sentence = `${budget.id} is raised by ${formatDollars(extra.value)} until ${timeText(endMs, timezone)}.`;
  if (await isInForce(bindings, owner, raise)) {
    return { heading: 'Raised', body: html`<p>${sentence} The next turn passes.</p>`, status: 200 };
  }
  const later =
    'It is stored; the wallet has not confirmed it yet and takes it up within minutes. There is nothing to repeat.';
  return { heading: 'Raised, soon', body: html`<p>${sentence} ${later}</p>`, status: 503 };
}
