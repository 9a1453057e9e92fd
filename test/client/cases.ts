/** What the real client must be able to do through Bursar, one case a promise. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { FakeUpstream, MessagesBody, UpstreamAnswer } from '../process/fake-upstream.ts';
import { type ClientResult, runClient } from './claude-code.ts';
import { startRequestCounter } from './request-counter.ts';
import { makeTeam, sendTurn } from './team.ts';

export interface Gateway {
  url: string;
  key: string;
  adminToken: string;
}

export interface Bed {
  executable: string;
  /** A folder for what the client writes. */
  scratch: string;
  /** In front of the built-in simulator. */
  simulated: Gateway;
  /** In front of `upstream`. */
  proxied: Gateway;
  upstream: FakeUpstream;
}

export interface Case {
  name: string;
  run(bed: Bed): Promise<void>;
}

const ASKED = 'claude-opus-5-5';
const STEPPED_DOWN = 'claude-sonnet-5-5';

export const CASES: readonly Case[] = [
  {
    name: 'a plain turn works against the simulator',
    async run({ executable, scratch, simulated }) {
      const { url: baseUrl, key } = simulated;
      const result = await runClient({ executable, scratch, baseUrl, key, prompt: 'say hi' });
      assertWent(result);
      assert.notEqual(result.result, '');
    },
  },
  {
    name: "a plain turn reaches the upstream without the developer's key and shows its answer",
    async run({ executable, scratch, proxied, upstream }) {
      upstream.requests.length = 0;
      upstream.answerWith(() => ({ kind: 'text', text: 'Hello from the upstream.' }));
      const { url: baseUrl, key } = proxied;
      const result = await runClient({ executable, scratch, baseUrl, key, prompt: 'say hi' });
      assertWent(result);
      assert.equal(result.result, 'Hello from the upstream.');
      assert.equal(mainTurns(upstream).length, 1);
      for (const request of upstream.requests) {
        assert.ok(!JSON.stringify(request.headers).includes(key), 'the key went upstream');
      }
    },
  },
  {
    name: 'a tool run of several turns works, and its tools do what they were asked',
    async run({ executable, scratch, proxied, upstream }) {
      upstream.requests.length = 0;
      upstream.answerWith(playTools);
      const { url: baseUrl, key } = proxied;
      const flags = ['--dangerously-skip-permissions'];
      const result = await runClient({ executable, scratch, baseUrl, key, prompt: 'write two lines', flags });
      assertWent(result);
      assert.equal(result.result, 'Both lines are written.');
      assert.equal(await readFile(join(result.folder, 'lines.txt'), 'utf8'), 'one\ntwo\n');
      assert.equal(mainTurns(upstream).length, 3);
    },
  },
  {
    name: 'above 95 % of a budget the turn is served by the next model down the cascade',
    async run({ executable, scratch, proxied, upstream }) {
      const team = await makeTeam(proxied, upstream, { id: 'client-downgrade', limitUsd: '10.00' });
      await team.spend(9.6);
      upstream.requests.length = 0;
      upstream.answerWith(() => ({ kind: 'text', text: 'Done by another model.' }));
      const env = { ANTHROPIC_MODEL: ASKED };
      const { url: baseUrl } = proxied;
      const result = await runClient({ executable, scratch, baseUrl, key: team.key, prompt: 'say hi', env });
      assertWent(result);
      assert.equal(result.result, 'Done by another model.');
      assert.deepEqual(
        mainTurns(upstream).map((request) => request.body.model),
        [STEPPED_DOWN],
      );
    },
  },
  ...[
    {
      mode: 'a plain base URL',
      env: {},
      shown: (text: string) => `API Error: Request rejected (429) · ${text}`,
    },
    { mode: 'gateway mode', env: { CLAUDE_CODE_USE_GATEWAY: '1' }, shown: (text: string) => text },
  ].map(({ mode, env, shown }, index) => ({
    name: `above 110 % the client shows the refusal word for word after one single request, with ${mode}`,
    async run({ executable, scratch, proxied, upstream }: Bed) {
      const team = await makeTeam(proxied, upstream, { id: `client-pause-${index}`, limitUsd: '10.00' });
      await team.spend(11.5);
      const refusal = refusalOf(await sendTurn(proxied.url, team.key));
      upstream.requests.length = 0;
      const counter = await startRequestCounter(proxied.url);
      const run = { executable, scratch, baseUrl: counter.url, key: team.key, prompt: 'say hi', env };
      const result = await runClient(run).finally(() => counter.close());
      assert.equal(result.is_error, true);
      assert.match(result.result, /Ask for more: http:\/\/127\.0\.0\.1:\d+\/ask\/\S+$/);
      assert.equal(withoutToken(result.result), shown(withoutToken(refusal)));
      assert.match(refusal, /client-pause-\d.*\$11\.50 of \$10\.00 .*Maria Manager/s);
      const turns = counter.seen.filter((request) => /^POST \/v1\/messages(\?|$)/.test(request));
      assert.equal(turns.length, 1, `the client asked ${turns.length} times`);
      assert.equal(upstream.requests.length, 0);
    },
  })),
];

function assertWent(result: ClientResult): void {
  assert.equal(result.is_error, false, `the client failed: ${result.result}`);
  assert.equal(result.exitCode, 0);
}

/** The main loop's turns: what else the client asks in the background has no tools. */
function mainTurns(upstream: FakeUpstream) {
  return upstream.requests.filter((request) => (request.body.tools?.length ?? 0) > 0);
}

/** Two tool calls, one after the other's result, then a text. */
function playTools(body: MessagesBody): UpstreamAnswer {
  const results = JSON.stringify(body.messages).split('"tool_result"').length - 1;
  const line = ['one', 'two'][results];
  if (line === undefined) return { kind: 'text', text: 'Both lines are written.' };
  const input = { command: `echo ${line} >> lines.txt`, description: 'Write a line' };
  return { kind: 'tool', name: 'Bash', input };
}

/** Each refusal has a link of its own. */
function withoutToken(text: string): string {
  return text.replace(/(\/ask\/)\S+$/, '$1…');
}

function refusalOf(reply: { status: number; text: string }): string {
  assert.equal(reply.status, 429);
  const shape = z.object({ error: z.object({ type: z.literal('billing_error'), message: z.string() }) });
  return shape.parse(JSON.parse(reply.text)).error.message;
}
