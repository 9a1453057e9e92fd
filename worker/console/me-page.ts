/** The page `/me`: where a developer stands, for people. What it shows is what `GET /v1/me` says. */
import { formatDollars, nanoUsd } from '../../durable-objects/core/money.ts';
import type { WindowKind } from '../../durable-objects/core/policy/types.ts';
import { causeClause, isPerTurn, shortModel } from '../../durable-objects/core/step-sentence.ts';
import type {
  CallerView,
  SessionView,
  StandingView,
  StepDownView,
} from '../../durable-objects/wallet/rpc.ts';
import { type Html, html, page } from './html.ts';

const PERIOD: Record<WindowKind, string> = {
  day: 'today',
  week: 'this week',
  month: 'this month',
  session: 'in this session',
};

const DOING: Record<StandingView['stage'], string | null> = {
  none: null,
  alert: 'Running low.',
  downgrade: 'Nearly used up: sessions step down to cheaper models where that pays.',
  pause: 'Used up: no more turns until it resets or is raised.',
};

function dollars(amount: number): string {
  return formatDollars(nanoUsd(amount));
}

/** "2026-11-24 00:00" of an instant with its offset. */
function clock(instant: string): string {
  return instant.slice(0, 16).replace('T', ' ');
}

export function mePage(caller: CallerView): Response {
  const { name, developer, timezone, asOf, settled, budgets, sessions } = caller;
  const content = html`<h1>Your budget in ${name}</h1>
<p class="quiet">${developer}, key ${caller.keyId}; as of ${clock(asOf)} (${timezone})</p>
${notes(caller).map((note) => html`<p class="note">${note}</p>`)}
<p>You spent ${dollars(settled.dayNanoUsd)} today, ${dollars(settled.weekNanoUsd)} this week and ${dollars(settled.monthNanoUsd)} this month.</p>
<h2>Budgets</h2>
${budgets.length === 0 ? html`<p>No budget limits you.</p>` : budgets.map((each) => budgetCard(each, caller))}
<h2>Sessions today</h2>
${sessions.length === 0 ? html`<p>None yet.</p>` : sessions.map(sessionCard)}
<h2>More</h2>
<p>${caller.manager === null ? 'Nobody is named as the manager of this budget.' : html`Budgets are raised by ${caller.manager}.`} Settings for Claude Code: <a href="/setup">/setup</a>.</p>`;
  return page(`Your budget in ${name}`, content);
}

/** What concerns every turn. */
function notes({ archived, paused, exemptUntil, policyVersion, allowedModels, name }: CallerView): string[] {
  const until = (instant: string | null): string =>
    instant === null ? 'until it is resumed' : `until ${clock(instant)}`;
  return [
    ...(archived ? [`${name} is archived and takes no more turns.`] : []),
    ...(paused ? [`${name} is paused ${until(paused.until)}: ${paused.reason}`] : []),
    ...(exemptUntil === null ? [] : [`No budget stands in the way until ${clock(exemptUntil)}.`]),
    ...(allowedModels === null ? [] : [`You may use ${allowedModels.join(', ') || 'no model'}.`]),
    ...(policyVersion === null ? [`${name} has no policy: spending has no limit.`] : []),
  ];
}

function budgetCard(standing: StandingView, { costCenter }: CallerView): Html {
  const { id, line, window, limitNanoUsd, settledNanoUsd, heldNanoUsd, utilization, stage } = standing;
  const left = Math.max(0, limitNanoUsd - settledNanoUsd);
  const percent = Math.floor(utilization * 100);
  return html`<section class="card">
<h3>${id}${line === null ? null : `, ${line} only`} <span class="quiet">${ownerOf(standing, costCenter)}</span></h3>
<meter min="0" max="100" low="75" high="95" optimum="0" value="${Math.min(percent, 100)}">${percent} %</meter>
<p><strong>${percent} %</strong>: ${dollars(settledNanoUsd)} of ${dollars(limitNanoUsd)} spent ${PERIOD[window]}, ${dollars(left)} left${heldNanoUsd > 0 ? `, ${dollars(heldNanoUsd)} set aside for running turns` : null}</p>
<p>${standing.resetsAt === null ? 'Ends with its session.' : `Resets ${clock(standing.resetsAt)}.`}${standing.raisedNanoUsd > 0 ? ` ${dollars(standing.raisedNanoUsd)} of it is a raise.` : null}</p>
${DOING[stage] === null ? null : html`<p class="note">${DOING[stage]}</p>`}
</section>
`;
}

function ownerOf({ scope, subject }: StandingView, costCenter: string): string {
  switch (scope) {
    case 'cost_center':
      return `shared by ${costCenter}`;
    case 'developer':
      return 'yours';
    case 'key':
      return `of key ${subject}`;
    case 'session':
      return `of session ${subject}`;
  }
}

function sessionCard(view: SessionView): Html {
  const { session, settledTodayNanoUsd, model, modelAsked, stepDown, stopped, budget, lastAt } = view;
  return html`<section class="card">
<h3>${session}</h3>
<p>${dollars(settledTodayNanoUsd)} today, on ${shortModel(model ?? modelAsked ?? 'no model')}${lastAt === null ? null : `, last active ${clock(lastAt)}`}</p>
${stepDown && modelAsked !== null ? html`<p class="note">${stepDownSentence(stepDown, modelAsked)}</p>` : null}
${stopped === null ? null : html`<p class="note">Stopped: ${stopped}</p>`}
${budget === null ? null : html`<p>Its own budget: ${dollars(budget.settledNanoUsd)} of ${dollars(budget.limitNanoUsd)}.</p>`}
</section>
`;
}

function stepDownSentence({ since, until, reason }: StepDownView, asked: string): string {
  const end =
    until === null
      ? isPerTurn(reason)
        ? '; each turn is judged anew'
        : ''
      : `; until ${clock(until)}, or until a raise`;
  return `In place of ${shortModel(asked)} since ${clock(since)}: ${causeClause(reason)}${end}.`;
}
