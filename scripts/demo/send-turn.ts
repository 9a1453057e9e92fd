/** Sends one made-up turn as Claude Code would, and tells what the gateway said of it. */
import { setTimeout as pause } from 'node:timers/promises';
import { outputUntilLeft, type TrafficTurn, tokensOn } from '../../test/traffic/turn.ts';

/** How long a developer who will leave reads before that. */
const READS_MS = 200;

export interface Played {
  costCenter: string;
  status: number;
  /** Null where the gateway did not get that far. */
  turnId: string | null;
  asked: string;
  /** "none" for a refusal. */
  served: string;
  decision: string;
  /** Codes, as in `x-bursar-reason`. */
  reasons: string[];
}

export async function sendTurn(url: URL, key: string, turn: TrafficTurn, body: string): Promise<Played> {
  const leaving = new AbortController();
  const response = await fetch(new URL('/v1/messages', url), {
    method: 'POST',
    headers: { ...clientHeaders(turn, key), 'x-bursar-simulate': directivesFor(turn) },
    body,
    signal: leaving.signal,
  });
  if (turn.leftAfter !== null && response.ok) {
    await pause(READS_MS);
    leaving.abort();
  } else {
    await response.arrayBuffer();
  }
  const said = (name: string): string | null => response.headers.get(`x-bursar-${name}`);
  return {
    costCenter: turn.costCenter,
    status: response.status,
    turnId: said('turn-id'),
    asked: turn.model,
    served: said('model') ?? 'none',
    decision: said('decision') ?? 'none',
    reasons: (said('reason') ?? '').split(/[\s,]+/).filter((code) => code !== ''),
  };
}

/** What Claude Code says of a turn beside its body. */
export function clientHeaders(turn: TrafficTurn, key: string): Record<string, string> {
  return {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'anthropic-version': '2023-06-01',
    'x-claude-code-session-id': turn.session,
    'x-claude-code-request-class': turn.kind,
    ...(turn.agent === null ? {} : { 'x-claude-code-agent-id': turn.agent }),
  };
}

/** For the built-in simulator, no other upstream is shown it: the turn's output, at once, or with a silence to leave in. */
function directivesFor(turn: TrafficTurn): string {
  const tokens = tokensOn({ tokenizer: 'new' }, outputUntilLeft(turn));
  return `output_tokens=${tokens}, pace=0${turn.leftAfter === null ? '' : ', stall=text'}`;
}
