/** What in a month is worth looking at: sentences for people, gravest first. */
import type { MonthlyReview } from './monthly-review.ts';
import { counted, dollars, durationBetween, percent } from './phrases.ts';

interface Finding {
  /** The higher, the earlier. */
  gravity: number;
  sentence: string;
}

type Look = (review: MonthlyReview) => Finding[];

const MAX_SENTENCES = 20;
/** Of one kind so many are told one by one. */
const NAMED = 3;
/** A rise of spend that is worth a look, as a fraction of the month before. */
const STEEP_RISE = 0.25;
const MANY_ACTIVATIONS = 5;
const FEW_WINDOWS = 3;

/** At most twenty. */
export function lookAt(review: MonthlyReview): string[] {
  return LOOKS.flatMap((look) => look(review))
    .toSorted((a, b) => b.gravity - a.gravity)
    .slice(0, MAX_SENTENCES)
    .map(({ sentence }) => sentence);
}

function found(gravity: number, ...sentences: string[]): Finding[] {
  return sentences.map((sentence) => ({ gravity, sentence }));
}

const withoutPolicy: Look = ({ livePolicyVersion }) =>
  livePolicyVersion === null
    ? found(100, 'there is no live policy, so that nothing limits what is spent: begin with a template')
    : [];

const refused: Look = ({ refusals }) => {
  const [longest] = refusals.longest;
  if (!longest) return [];
  const turns = `${counted(refusals.refusals, 'turn')} of ${counted(refusals.sessions, 'session')}`;
  const who = `${turns} (${counted(refusals.developers, 'developer')})`;
  const until = longest.wentOnAt ?? longest.lastAt;
  const end = longest.wentOnAt === null ? 'and never went on' : 'until it went on';
  const stood = `the longest stood still for ${durationBetween(longest.firstAt, until)} ${end} (${longest.session} of ${longest.developer})`;
  const by = refusals.reasons[0]?.reason;
  return found(95, `refused: ${who}, most of them by ${by}; ${stood}`);
};

const endingModels: Look = ({ retiringModels }) =>
  retiringModels.slice(0, NAMED).flatMap(({ path, message }) => {
    const gravity = message.includes('is retired') ? 92 : 72;
    return found(gravity, `${path} of the live policy: ${message}; put a model with a future in its place`);
  });

const unanswered: Look = ({ requested }) => {
  const expired = requested.filter(({ status }) => status === 'expired');
  const requests = expired.reduce((sum, each) => sum + each.requests, 0);
  if (requests === 0) return [];
  const budgets = [...new Set(expired.map(({ budget }) => budget))].slice(0, NAMED).join(', ');
  return found(
    85,
    `${counted(requests, 'increase request')} ran out without an answer (${budgets}): who should have heard of them?`,
  );
};

const raisedAgain: Look = ({ repeatedRaises }) =>
  repeatedRaises.slice(0, NAMED).flatMap(({ budget, subject, raises, extraNanoUsd, fit }) => {
    const whose = subject === null ? budget : `${budget} of ${subject}`;
    const what = `${whose} was raised ${raises} times by ${dollars(extraNanoUsd)} in all`;
    if (!fit || fit.windows === 0) return found(60, what);
    if (fit.suggestedNanoUsd === null) {
      return found(
        58,
        `${what}; its limit of ${dollars(fit.limitNanoUsd)} holds in nine of ten windows, so these were exceptions`,
      );
    }
    const over = `${fit.windowsOverLimit} of ${counted(fit.windows, 'window')} came over it`;
    return found(
      80,
      `${what}: its limit of ${dollars(fit.limitNanoUsd)} is too low, ${over}; ${dollars(fit.suggestedNanoUsd)} would have held nine of ten`,
    );
  });

const unheardStages: Look = ({ unheard }) => found(75, ...unheard.map(({ message }) => message));

const dearer: Look = ({ spend, previousSpend, month }) => {
  const [now, before] = [BigInt(spend.chargedNanoUsd), BigInt(previousSpend.chargedNanoUsd)];
  if (now === 0n) return found(5, 'nothing was spent');
  if (before <= 0n) return [];
  const rise = Number(now - before) / Number(before);
  if (rise < STEEP_RISE) return [];
  const days = month.isFinished ? '' : ', by the same day';
  return found(
    65,
    `spend rose by ${percent(rise)} to ${dollars(now)}, from ${dollars(before)} in ${month.previous}${days}`,
  );
};

const costly: Look = ({ redirected }) =>
  redirected
    .filter(({ savedNanoUsd }) => BigInt(savedNanoUsd) < 0n)
    .slice(0, NAMED)
    .flatMap(({ decision, stage, route, savedNanoUsd, charges }) => {
      const name = decision === 'route' ? `route ${route}` : `the step down of ${stage}`;
      const loss = dollars(-BigInt(savedNanoUsd));
      return found(
        62,
        `${name} cost ${loss} more than the models asked for would have, over ${counted(charges, 'turn')}`,
      );
    });

/** A stage is told once a subject and window, so that breaches and the windows of a budget are of one kind. */
const breached: Look = ({ breaches, budgets }) =>
  breaches.flatMap(({ budget, on, stage, breaches: times, subjects }) => {
    const of = budgets.find((each) => each.budget.id === budget)?.windows ?? 0;
    const often = of < times ? counted(times, 'window') : `${times} of ${counted(of, 'window')}`;
    const whose = subjects > 1 ? `, for ${subjects} of those it counts` : '';
    if (on === 'stage:pause') return found(55, `${stage} paused in ${often}${whose}`);
    if (on !== 'stage:downgrade' || times < FEW_WINDOWS || times * 2 < of) return [];
    const message = `${stage} stepped down in ${often}${whose}: what is usual is no exception, so the limit or the models asked for don't fit`;
    return found(50, message);
  });

const lost: Look = ({ expiredHolds: { charges, corrected, estimatedNanoUsd } }) =>
  charges === 0
    ? []
    : found(
        40,
        `never reported to the end: ${counted(charges, 'turn')}, charged an estimate, ${dollars(estimatedNanoUsd)} in all; ${corrected} of them corrected since`,
      );

const unusedBudgets: Look = ({ unused, spend }) => {
  if (unused.length === 0 || BigInt(spend.chargedNanoUsd) === 0n) return [];
  const named = unused
    .slice(0, NAMED)
    .map(({ budget, highestUtilization }) => `${budget.id} (highest ${percent(highestUtilization)})`);
  const more = unused.length > NAMED ? ` and ${unused.length - NAMED} more` : '';
  return found(
    30,
    `${named.join(', ')}${more} never came over 30 % of the limit: lower it, or leave the budget out`,
  );
};

const restless: Look = ({ policyChanges: { activations } }) =>
  activations < MANY_ACTIVATIONS
    ? []
    : found(
        20,
        `another policy version went live ${activations} times: try a draft on recorded turns before`,
      );

const untold: Look = ({ missing }) => found(10, ...missing);

const LOOKS: readonly Look[] = [
  withoutPolicy,
  refused,
  endingModels,
  unanswered,
  raisedAgain,
  unheardStages,
  dearer,
  costly,
  breached,
  lost,
  unusedBudgets,
  restless,
  untold,
];
