/**
 * One session of Claude Code: a person asks, the agent works in a burst of turns, the person reads, thinks, has
 * lunch, and asks again.
 *
 * Assumptions: main-loop turns a session are lognormal (median 12, one session in twenty over 120, a few over
 * 400), as is a burst (median 4 turns). Within a burst tools take seconds, up to a minute; people pause a minute
 * and a half in the median, one time in four over 5 minutes, one in fifty over an hour. A session that outlives
 * its day is taken up the next morning one time in four. Answers run to 260 tokens in the median, 1.6 times that
 * where the model thinks, more at a higher effort, each session chattier or terser as a whole: about 800 tokens in
 * the mean (newer tokenizer), where OpenRouter's study of 100 trillion tokens (December 2025) found some 400 over
 * all requests, and most turns of an agent are short tool calls. A prompt grows by the answer and what the tools
 * found: about 3K tokens a turn.
 */
import { Conversation, type SessionTemper, type ThreadFacts } from './conversation.ts';
import { runFan } from './fan.ts';
import { atWork, nextWorkDay, type WorkDay } from './office-hours.ts';
import { Random } from './random.ts';
import { type Developer, FAVOURITE_CHANCE, OTHER_MODELS } from './squads.ts';
import { MAIN_TOOLS, someTools } from './tools.ts';
import type { TrafficTurn } from './turn.ts';

const TURNS_SIGMA = 1.4;
const MOST_TURNS = 900;
/** A title is asked for once, in a request of about 4 KB without tools. */
const TITLE_BYTES = 4_000;
const FAN_CHANCE = 0.006;
const RESUMED_CHANCE = 0.25;
/** Median of an answer without thinking, older tokenizer. */
const ANSWER_TOKENS = 260;
const EFFORT_OUTPUT = { medium: 0.8, high: 1, xhigh: 1.5 } as const;

export interface SessionStart {
  seed: number;
  developer: Developer;
  /** Days since 1970-01-01, in the developer's zone. */
  day: number;
  hours: WorkDay;
  /** Which session of the day. */
  number: number;
}

/** All turns of a session, threads one after the other, not in the order of time. */
export function sessionTurns(start: SessionStart): TrafficTurn[] {
  const { seed, developer, day, hours, number } = start;
  const random = new Random(`${seed} ${developer.email} ${day} session ${number}`);
  const facts = mainThread(developer, random);
  const thinks = facts.thinking === null ? 1 : 1.6;
  const temper: SessionTemper = {
    random,
    outputMedian: ANSWER_TOKENS * thinks * EFFORT_OUTPUT[developer.effort] * random.factor(0.35),
    textFactor: random.factor(0.1),
  };
  const main = new Conversation(facts, developer.firstBodyBytes, temper.textFactor, random);
  const turns: TrafficTurn[] = [];
  let left = Math.min(MOST_TURNS, Math.ceil(random.logNormal(developer.turnsASession, TURNS_SIGMA)));
  let today = { day, hours };
  let atMs = atWork(hours, Math.round(random.between(hours.fromMs, hours.toMs - 10 * 60_000)));
  if (atMs !== null) turns.push(...titleTurns(facts, atMs, random));
  while (left > 0 && atMs !== null) {
    const length = Math.min(left, Math.max(1, Math.round(random.logNormal(4, 1))));
    const burst = runBurst(main, { atMs, length, developer, facts, temper });
    turns.push(...burst.others);
    left -= burst.taken;
    const resumed = resumeAt(start, today, burst.endMs + random.logNormal(90_000, 1.8), random);
    if (resumed) today = resumed;
    atMs = resumed?.atMs ?? null;
  }
  return [...turns, ...main.turns];
}

function mainThread(developer: Developer, random: Random): ThreadFacts {
  const session = random.uuid();
  const model = random.chance(FAVOURITE_CHANCE) ? developer.model : random.weighted(OTHER_MODELS);
  return {
    costCenter: developer.costCenter,
    developer: developer.email,
    keyTags: developer.keyTags,
    session,
    agent: null,
    thread: session,
    model,
    cacheTtl: developer.mainCacheTtl,
    maxTokens: 32_000,
    toolsOffered: MAIN_TOOLS,
    effort: developer.effort,
    thinking: random.chance(0.9) ? 'adaptive' : null,
    stream: true,
  };
}

/** Goes out with the first turn, to the same model. */
function titleTurns(facts: ThreadFacts, atMs: number, random: Random): TrafficTurn[] {
  const thread = `${facts.session}/title`;
  const aside = {
    cacheTtl: 'none',
    thinking: null,
    effort: null,
    toolsOffered: [],
    maxTokens: 1_024,
  } as const;
  const title = new Conversation({ ...facts, ...aside, toolsOffered: [], thread }, TITLE_BYTES, 1, random);
  title.add(random.logNormal(60, 0.8));
  const answer = { outputMedian: 25, outputSigma: 0.4, calls: [], watched: false };
  title.call({ ...answer, kind: 'auxiliary', atMs: atMs + random.integer(20, 400), prompted: true });
  return title.turns;
}

interface Burst {
  atMs: number;
  /** Turns it takes where nobody stops it. */
  length: number;
  developer: Developer;
  facts: ThreadFacts;
  temper: SessionTemper;
}

/** A person's message and the agent's turns until it is done or stopped. `others`: turns of its sub-agents. */
function runBurst(
  main: Conversation,
  { atMs, length, developer, facts, temper }: Burst,
): { endMs: number; taken: number; others: TrafficTurn[] } {
  const { random } = temper;
  const others: TrafficTurn[] = [];
  let nextMs = compactWhereFull(main, developer, atMs, random);
  for (let taken = 1; ; taken += 1) {
    main.add(taken === 1 ? random.logNormal(250, 1.2) : random.logNormal(1_000, 1.2));
    const isLast = taken >= length;
    const fans = !isLast && random.chance(FAN_CHANCE);
    const { turn, endMs } = main.call({
      kind: 'main',
      atMs: nextMs,
      prompted: taken === 1,
      outputMedian: temper.outputMedian,
      outputSigma: 0.85,
      calls: fans ? ['Task'] : isLast ? [] : someTools(random),
      watched: true,
    });
    if (isLast || turn.leftAfter !== null) return { endMs, taken, others };
    const toolsEndMs = endMs + Math.min(60_000, random.logNormal(3_500, 1.2));
    const fan = fans ? runFan(facts, endMs, temper) : null;
    others.push(...(fan?.turns ?? []));
    nextMs = compactWhereFull(main, developer, Math.max(toolsEndMs, fan?.endMs ?? 0), random);
  }
}

/** The client asks for a summary of the whole history, then goes on from that and the files it reads again. */
function compactWhereFull(main: Conversation, developer: Developer, atMs: number, random: Random): number {
  if (main.promptTokens < developer.compactAtTokens) return atMs;
  main.add(600);
  const { turn, endMs } = main.call({
    kind: 'compaction',
    atMs,
    prompted: false,
    outputMedian: 3_500,
    outputSigma: 0.3,
    calls: [],
    watched: false,
  });
  main.compact(turn.outputTokens + random.logNormal(3_500, 0.5));
  return endMs + 200;
}

/** When the person asks again: after the pause, or on the next day they work; null: not in this session. */
function resumeAt(
  { seed, developer }: SessionStart,
  today: { day: number; hours: WorkDay },
  pausedUntilMs: number,
  random: Random,
): { day: number; hours: WorkDay; atMs: number } | null {
  const atMs = atWork(today.hours, Math.round(pausedUntilMs));
  if (atMs !== null) return { ...today, atMs };
  if (!random.chance(RESUMED_CHANCE)) return null;
  const next = nextWorkDay(seed, developer, today.day);
  if (!next) return null;
  const [day, hours] = next;
  // An agent's burst of the evening before is over by then; were it not, the person would wait for it.
  const backMs = hours.fromMs + random.between(0, 40) * 60_000;
  return { day, hours, atMs: Math.round(Math.max(backMs, pausedUntilMs)) };
}
