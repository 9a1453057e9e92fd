/**
 * A fan of sub-agents: the main loop sends two to eight of them out at once, each with a short conversation of
 * its own on a shorter system prompt, and waits for the last.
 *
 * Assumptions: 3 to 15 turns an agent; six in ten ask for the session's model, the others for Sonnet or Haiku;
 * caches of 5 minutes; answers shorter than the main loop's.
 */
import { Conversation, type SessionTemper, type ThreadFacts } from './conversation.ts';
import { AGENT_TOOLS, someAgentTools } from './tools.ts';
import type { TrafficTurn } from './turn.ts';

const AGENT_BYTES = 24_000;

export function runFan(
  main: ThreadFacts,
  atMs: number,
  temper: SessionTemper,
): { turns: TrafficTurn[]; endMs: number } {
  const { random } = temper;
  const model = random.weighted([
    [main.model, 60],
    ['claude-sonnet-5-5', 25],
    ['claude-haiku-5-5', 15],
  ]);
  const agents = Array.from({ length: random.integer(2, 8) }, () =>
    runAgent({ ...main, model }, atMs, temper),
  );
  return {
    turns: agents.flatMap(({ turns }) => turns),
    endMs: Math.max(...agents.map(({ endMs }) => endMs)),
  };
}

function runAgent(
  main: ThreadFacts,
  fromMs: number,
  { random, outputMedian, textFactor }: SessionTemper,
): { turns: TrafficTurn[]; endMs: number } {
  const agent = `a${random.hex(16)}`;
  const thread = `${main.session}/${agent}`;
  const facts: ThreadFacts = { ...main, agent, thread, cacheTtl: '5m', toolsOffered: AGENT_TOOLS };
  const conversation = new Conversation(facts, AGENT_BYTES, textFactor, random);
  const length = random.integer(3, 15);
  let atMs = fromMs + random.integer(50, 800);
  for (let taken = 1; taken <= length; taken += 1) {
    conversation.add(taken === 1 ? random.logNormal(400, 0.6) : random.logNormal(1_300, 1));
    const { endMs } = conversation.call({
      kind: 'subagent',
      atMs,
      prompted: false,
      outputMedian: taken === length ? outputMedian * 1.5 : outputMedian * 0.6,
      outputSigma: 0.7,
      calls: taken === length ? [] : someAgentTools(random),
      watched: false,
    });
    atMs = endMs + (taken === length ? 0 : Math.min(60_000, random.logNormal(1_500, 1)));
  }
  return { turns: conversation.turns, endMs: Math.round(atMs) };
}
