/**
 * Where a caller stands, in one line: `platform-squad 83% · $85 left today · sonnet-5-5 (stepped down 14:10)`. Short
 * where nothing is up. Names and reasons are other people's words: no control character of theirs reaches a terminal.
 */
import { formatDollars, NANO_PER_USD, nanoUsd } from '../../durable-objects/core/money.ts';
import type { WindowKind } from '../../durable-objects/core/policy/types.ts';
import { shortModel } from '../../durable-objects/core/step-sentence.ts';
import type { CallerView, SessionView, StandingView } from '../../durable-objects/wallet/rpc.ts';
import { localTime } from './local-time.ts';

const PERIOD: Record<WindowKind, string> = {
  day: 'today',
  week: 'this week',
  month: 'this month',
  session: 'in this session',
};

/** Amounts from here on are told without cents. */
const WHOLE_DOLLARS_FROM = 10 * NANO_PER_USD;
const MAX_REASON = 80;

/** The line, without its end. */
export function statusLine(caller: CallerView): string {
  const line = closed(caller) ?? [standing(caller), ...extras(caller)].join(' · ');
  return line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}

/** What says no to every turn, whatever money there is; null where nothing does. */
function closed({ costCenter, archived, paused, session, asOf }: CallerView): string | null {
  if (archived) return `${costCenter} archived: ask for another key`;
  if (session?.stopped) return `${costCenter} · this session was stopped: ${short(session.stopped)}`;
  if (!paused) return null;
  const until = paused.until === null ? '' : ` until ${localTime(paused.until, asOf)}`;
  return `${costCenter} paused${until}: ${short(paused.reason)}`;
}

function standing(caller: CallerView): string {
  const { costCenter, policyVersion, settled, exemptUntil, asOf } = caller;
  const shown = caller.binding ?? caller.budgets[0] ?? null;
  if (!shown) {
    const spent = `${dollars(settled.dayNanoUsd)} spent today`;
    return policyVersion === null ? `${costCenter} · no budget · ${spent}` : `${costCenter} · ${spent}`;
  }
  // Down, so that nothing that is left looks used up.
  const name = `${nameOf(shown, costCenter)} ${Math.floor(shown.utilization * 100)}%`;
  if (shown.stage !== 'pause' || exemptUntil !== null) return `${name} · ${leftOf(shown)}`;
  const resets =
    shown.resetsAt === null ? 'start a new session' : `resets ${localTime(shown.resetsAt, asOf)}`;
  return `${name} · used up · ${resets}`;
}

/** The team's own budget goes by the team's name. */
function nameOf({ id, scope, line }: StandingView, costCenter: string): string {
  return scope === 'cost_center' && line === null ? costCenter : `${costCenter}/${id}`;
}

function leftOf({ limitNanoUsd, settledNanoUsd, window }: StandingView): string {
  const left = limitNanoUsd - settledNanoUsd;
  return left < 0 ? `${dollars(-left)} over ${PERIOD[window]}` : `${dollars(left)} left ${PERIOD[window]}`;
}

function extras({ exemptUntil, session, asOf }: CallerView): string[] {
  const exempt = exemptUntil === null ? [] : [`exempt until ${localTime(exemptUntil, asOf)}`];
  return [...exempt, ...modelOf(session, asOf)];
}

function modelOf(session: SessionView | null, asOf: string): string[] {
  if (!session?.model || !session.stepDown) return [];
  const { since, reason } = session.stepDown;
  const how = reason === 'preferred' ? 'as you asked' : `stepped down ${localTime(since, asOf)}`;
  return [`${shortModel(session.model)} (${how})`];
}

function dollars(amount: number): string {
  if (amount < WHOLE_DOLLARS_FROM) return formatDollars(nanoUsd(amount));
  return `$${Math.floor(amount / NANO_PER_USD).toLocaleString('en-US')}`;
}

function short(reason: string): string {
  return reason.length > MAX_REASON ? `${reason.slice(0, MAX_REASON - 1)}…` : reason;
}
