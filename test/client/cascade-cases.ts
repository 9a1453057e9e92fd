/** The real client asks for one model, is served by a cheaper one, and a strict upstream has nothing to refuse. */
import assert from 'node:assert/strict';
import type { FakeUpstream, MessagesBody, UpstreamAnswer } from '../process/fake-upstream.ts';
import { type Refused, strictly } from '../strict-upstream/upstream.ts';
import type { Bed, Case } from './cases.ts';
import { runClient } from './claude-code.ts';
import { makeTeam } from './team.ts';

/**
 * Which models are asked for on the way down to which: every model from 4.5 on that isn't about to retire, in each
 * way the client asks (with system messages and efforts in them, with system messages alone, with none, by a
 * thinking budget), to one of each kind that takes less. The other pairs are tried on recorded bodies in
 * `turn/step-down`.
 */
const STEPS: Record<string, readonly string[]> = {
  'claude-haiku-4-5-20251001': [
    'claude-opus-5-5',
    'claude-opus-4-6',
    'claude-opus-4-5',
    'claude-sonnet-5-5',
    'claude-sonnet-5',
  ],
  'claude-haiku-5-5': ['claude-opus-4-8', 'claude-sonnet-4-6', 'claude-haiku-4-5'],
  'claude-sonnet-5-5': ['claude-opus-5-5', 'claude-opus-4-7'],
  'claude-sonnet-5': ['claude-opus-5-5'],
  'claude-opus-5-5': ['claude-fable-5-2', 'claude-opus-5'],
  'claude-opus-4-8': ['claude-fable-5-2'],
};

/** Room between the downgrade stage and the pause for what an "expected" hold of the dearest model sets aside. */
const LIMIT_USD = 1_000;
const SPENT_USD = 960;

export const CASCADE_CASES: readonly Case[] = [
  {
    name: 'every step of the cascade ends in a 200',
    async run(bed) {
      for (const [target, askedModels] of Object.entries(STEPS)) await stepDownTo(target, askedModels, bed);
    },
  },
];

async function stepDownTo(target: string, askedModels: readonly string[], bed: Bed): Promise<void> {
  const { executable, scratch, proxied, upstream } = bed;
  const team = await makeTeam(proxied, upstream, {
    id: `to-${target}`,
    limitUsd: LIMIT_USD.toFixed(2),
    cascade: [target],
  });
  await team.spend(SPENT_USD);
  for (const asked of askedModels) {
    const refused: Refused[] = [];
    upstream.requests.length = 0;
    upstream.answerWith(strictly(useOneTool, refused));
    const result = await runClient({
      executable,
      scratch,
      baseUrl: proxied.url,
      key: team.key,
      prompt: 'say hi',
      flags: ['--dangerously-skip-permissions'],
      env: { ANTHROPIC_MODEL: asked },
    });
    const step = `${asked} → ${target}`;
    assert.deepEqual(refused, [], step);
    assert.equal(result.is_error, false, `${step}: ${result.result}`);
    assert.equal(result.result, 'Done.', step);
    assert.deepEqual(servedBy(upstream), [target, target], step);
  }
}

/** A call and its result: the second turn has a history to be refused for. */
function useOneTool(body: MessagesBody): UpstreamAnswer {
  if (JSON.stringify(body.messages).includes('"tool_result"')) return { kind: 'text', text: 'Done.' };
  if ((body.tools?.length ?? 0) === 0) return { kind: 'text', text: 'A title' };
  return { kind: 'tool', name: 'Bash', input: { command: 'echo hi', description: 'Say hi' } };
}

/** The models of the main loop's turns. */
function servedBy(upstream: FakeUpstream): string[] {
  const turns = upstream.requests.filter(({ body }) => (body.tools?.length ?? 0) > 0);
  return turns.map(({ body }) => body.model);
}
