/**
 * Where the holder of a key stands: their budgets, what is on or off for their cost center, and how their own
 * sessions are served. Reads only. Of a session that another developer had and they did not, nothing is told: it
 * looks like one that has not begun.
 */
import { modelsAllowed } from '../core/cascade.ts';
import { canonicalId, findModel } from '../core/catalogue/lookup.ts';
import { cachedTokens } from '../core/history.ts';
import { DEFAULT_CASCADE } from '../core/policy/defaults.ts';
import type { PolicyVersion } from '../core/policy/types.ts';
import { bindsLine, type Standing, utilization } from '../core/standing.ts';
import { holds } from '../core/step.ts';
import { type CalendarWindow, windowAt, zonedIso } from '../core/window.ts';
import type { CallerReply, CallerView, SessionView, StepDownView } from './caller-view.ts';
import { type Configuration, isExempt, policyInForce } from './configuration.ts';
import type { VirtualKey } from './keys.ts';
import { ratesOf } from './limiting.ts';
import { keyProblem } from './open.ts';
import type { StandingView } from './rpc.ts';
import type { ListedSession, ServedSession } from './served-sessions.ts';
import { standingsFor, toStandingView } from './standings.ts';
import type { WalletState } from './state.ts';

/** More sessions than a person can read about; the last active ones are shown. */
const SESSIONS_SHOWN = 50;
/** A session idle for longer says nothing of the one its developer is in now. */
const RECENT_MS = 86_400_000;

interface Asking {
  state: WalletState;
  configuration: Configuration;
  policy: PolicyVersion | null;
  key: VirtualKey;
  timezone: string;
  nowMs: number;
}

/** The standing of a key's holder; `session` null: of no session in particular. */
export function callerReply(
  state: WalletState,
  configuration: Configuration,
  keyId: string,
  session: string | null,
): CallerReply {
  const nowMs = state.clock.now();
  const key = state.keys.find(keyId);
  const problem = keyProblem(key, nowMs);
  if (problem || !key) return { status: 'key_rejected', problem: problem ?? 'unknown' };
  const policy = policyInForce(configuration, nowMs, session);
  const timezone = policy?.policy.timezone ?? configuration.names.timezone;
  const asking = { state, configuration, policy, key, timezone, nowMs };
  return { status: 'known', caller: callerView(asking, session) };
}

function callerView(asking: Asking, session: string | null): CallerView {
  const { state, configuration, policy, key, timezone, nowMs } = asking;
  const { names, paused, exemptUntilMs, costCenter, archived } = configuration;
  const iso = (ms: number): string => zonedIso(ms, timezone);
  const isPaused = paused !== null && (paused.untilMs === null || paused.untilMs > nowMs);
  const today = windowAt('day', timezone, nowMs);
  const listed = state.served.activeSince(key.developer, today.startMs, SESSIONS_SHOWN);
  const settledToday = state.spend.bySession(key.developer, today);
  const own = session === null ? null : ownSession(asking, session);
  const standings = sortedStandings(asking, own?.session ?? null);
  return {
    costCenter,
    name: names.name,
    manager: names.manager,
    developer: key.developer,
    keyId: key.id,
    keyExpiresAt: key.expiresAtMs === null ? null : iso(key.expiresAtMs),
    timezone,
    policyVersion: policy?.version ?? null,
    cascade: policy?.policy.cascade ?? DEFAULT_CASCADE,
    allowedModels: modelsAllowed(policy?.policy.allowedModels ?? null, key.allowedModels),
    limits: policy
      ? ratesOf(state, policy.policy, { costCenter, developer: key.developer, keyId: key.id }, nowMs)
      : [],
    budgets: standings.map((standing) => toStandingView(standing, timezone)),
    binding: bindingOf(asking, standings, session, own),
    paused: isPaused
      ? { reason: paused.reason, until: paused.untilMs === null ? null : iso(paused.untilMs) }
      : null,
    archived,
    exemptUntil: exemptUntilMs !== null && isExempt(configuration, nowMs) ? iso(exemptUntilMs) : null,
    session: session === null ? null : sessionView(asking, session, own, settledToday.get(session) ?? 0),
    sessions: listed.map((each) =>
      sessionView(asking, each.session, each, settledToday.get(each.session) ?? 0),
    ),
    settled: {
      dayNanoUsd: settledIn(asking, 'day'),
      weekNanoUsd: settledIn(asking, 'week'),
      monthNanoUsd: settledIn(asking, 'month'),
    },
    asOf: iso(nowMs),
  };
}

function settledIn({ state, key, timezone, nowMs }: Asking, window: CalendarWindow): number {
  const counted = { scope: 'developer' as const, subject: key.developer, line: null };
  return state.spend.settled(counted, windowAt(window, timezone, nowMs));
}

function ownSession({ state, key, nowMs }: Asking, session: string): ListedSession | null {
  const served = state.served.find(session, key.developer);
  if (!served || state.spans.isOver(session, nowMs)) return null;
  const { startedAtMs, lastAtMs } = state.spans.activity(session, nowMs);
  return { ...served, startedAtMs, lastAtMs };
}

/** The same, by the version that decides over a session: another one than for the asker's others where it is in a canary. */
function inSession(asking: Asking, session: string): Asking {
  return { ...asking, policy: policyInForce(asking.configuration, asking.nowMs, session) };
}

/** Every budget that applies, the fullest first; of equals the policy's first. */
function sortedStandings(
  { state, configuration, policy, key, nowMs }: Asking,
  session: string | null,
): readonly Standing[] {
  const { costCenter } = configuration;
  if (!policy) return [];
  const caller = { costCenter, developer: key.developer, keyId: key.id, session };
  return standingsFor(state, policy.policy, caller, nowMs).toSorted(
    (a, b) => utilization(b) - utilization(a),
  );
}

/**
 * The standing that the headers of the session's turns tell of. Where no session is named, that of the one its
 * developer was last active in: a client that asks for its usage does not name its session.
 */
function bindingOf(
  asking: Asking,
  standings: readonly Standing[],
  session: string | null,
  own: ListedSession | null,
): StandingView | null {
  const { state, key, timezone, nowMs } = asking;
  const [recent = null] =
    session === null ? state.served.activeSince(key.developer, nowMs - RECENT_MS, 1) : [own];
  const applying =
    session === null && recent
      ? sortedStandings(inSession(asking, recent.session), recent.session)
      : standings;
  const line = recent && (findModel(state.catalogue, recent.model)?.line ?? null);
  // Without a session yet, what binds whatever the model.
  const found = applying.find((each) => (recent ? bindsLine(each, line) : each.budget.line === null));
  return found ? toStandingView(found, timezone) : null;
}

function sessionView(
  asking: Asking,
  session: string,
  own: ListedSession | null,
  settledTodayNanoUsd: number,
): SessionView {
  const { state, key, timezone } = asking;
  const preferred = state.sessions.preference(session, key.developer);
  if (!own) {
    const unknown = { startedAt: null, lastAt: null, modelAsked: null, model: null, budget: null };
    return { session, ...unknown, settledTodayNanoUsd: 0, stepDown: null, preferred, stopped: null };
  }
  const standings = sortedStandings(inSession(asking, session), session);
  const stepDown = stepDownOf(asking, own, standings);
  const budget = standings.find((standing) => standing.budget.scope === 'session');
  return {
    session,
    startedAt: zonedIso(own.startedAtMs, timezone),
    lastAt: zonedIso(own.lastAtMs, timezone),
    settledTodayNanoUsd,
    modelAsked: own.modelAsked,
    model: stepDown ? own.model : own.modelAsked,
    stepDown,
    preferred,
    stopped: state.stops.reasonOf(session),
    budget: budget ? toStandingView(budget, timezone) : null,
  };
}

/**
 * Why the session's next turn is not expected on the model it asks for; null where it is: it never was stepped
 * down, or what caused it is over and no warm cache keeps it there.
 */
function stepDownOf(
  { state, timezone, nowMs }: Asking,
  { session, modelAsked, model, reason, sinceMs }: ServedSession,
  standings: readonly Standing[],
): StepDownView | null {
  if (canonicalId(state.catalogue, modelAsked) === canonicalId(state.catalogue, model)) return null;
  const view = { since: zonedIso(sinceMs, timezone), sinceMs, until: null, reason: reason ?? 'unknown' };
  const main = { session, agent: null, kind: 'main' as const };
  const step = /^(?:stage|short):/.test(view.reason) ? state.sessions.step(main) : null;
  if (!step) return view;
  const holding = step.causes.filter((cause) => holds(cause, standings, nowMs));
  if (holding.length === 0) {
    return cachedTokens(state.sessions.history(main), model, nowMs) > 0
      ? { ...view, reason: 'sticky:cache_warm' }
      : null;
  }
  const ends = holding.map(({ endMs }) => endMs);
  const known = ends.filter((endMs) => endMs !== null);
  return { ...view, until: known.length < ends.length ? null : zonedIso(Math.max(...known), timezone) };
}
