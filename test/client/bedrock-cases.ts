/** The real client in Bedrock mode: the same gateway, wallet and ledger, in Bedrock's terms. */
import assert from 'node:assert/strict';
import { z } from 'zod';
import { connectAdminApi, expectReply } from '../../scripts/local/admin-api.ts';
import { eventually } from '../process/eventually.ts';
import type { Bed, Case } from './cases.ts';
import { type ClientResult, runClient } from './claude-code.ts';
import { type RequestCounter, startRequestCounter } from './request-counter.ts';
import { makeTeam, type Team } from './team.ts';

const IN_LEDGER_WITHIN_MS = 10_000;
/** 1,000 tokens in at $4 a million and 50 out at $20: what the upstream says of every answer. */
const CHARGE_NANO_USD = 1_000 * 4_000 + 50 * 20_000;

export const BEDROCK_CASES: readonly Case[] = [
  {
    name: 'in Bedrock mode a turn is answered, and charged to its session as a native one is',
    async run(bed) {
      const team = await makeTeam(bed.proxied, bed.upstream, { id: 'client-bedrock', limitUsd: '100.00' });
      bed.upstream.requests.length = 0;
      bed.upstream.answerWith(() => ({ kind: 'text', text: 'Hello through Bedrock.' }));
      const { result, seen } = await inBedrockMode(bed, team);
      assert.equal(result.is_error, false, `the client failed: ${result.result}`);
      assert.equal(result.result, 'Hello through Bedrock.');
      assert.deepEqual(seen, ['POST /model/us.anthropic.claude-opus-5-5/invoke-with-response-stream']);
      assert.deepEqual(
        bed.upstream.requests.map(({ body: { model, stream } }) => [model, stream]),
        [['claude-opus-5-5', true]],
      );
      const charges = await eventually('the charge', IN_LEDGER_WITHIN_MS, async () => {
        const entries = await ledgerOf(bed, team);
        return entries.length === 1 ? entries : null;
      });
      assert.deepEqual(
        charges.map(({ session, charged_nano_usd: charged }) => [session, charged]),
        [[result.session_id, CHARGE_NANO_USD]],
      );
    },
  },
  {
    name: 'in Bedrock mode the refusal above 110 % is shown word for word after one single request',
    async run(bed) {
      const team = await makeTeam(bed.proxied, bed.upstream, {
        id: 'client-bedrock-pause',
        limitUsd: '10.00',
      });
      await team.spend(11.5);
      bed.upstream.requests.length = 0;
      const { result, seen } = await inBedrockMode(bed, team);
      assert.equal(result.is_error, true);
      const sentence =
        /^API Error: Request rejected \(429\) · The shared budget of Team client-bedrock-pause, team-day, is used up: \$11\.50 of \$10\.00 spent today; .*Maria Manager.* Ask for more: http:\/\/127\.0\.0\.1:\d+\/ask\/\S+$/;
      assert.match(result.result, sentence);
      assert.equal(seen.length, 1, `the client asked ${seen.length} times: ${seen.join(', ')}`);
      assert.equal(bed.upstream.requests.length, 0);
    },
  },
  {
    name: 'in Bedrock mode a key that is not valid is told after one single request',
    async run(bed) {
      const { result, seen } = await inBedrockMode(bed, { key: 'bk_nobody.k0.1_x' });
      assert.equal(result.is_error, true);
      assert.match(result.result, /This is not a valid Bursar key/);
      assert.equal(seen.length, 1, `the client asked ${seen.length} times: ${seen.join(', ')}`);
    },
  },
];

/** One run, and the turns it asked for. */
async function inBedrockMode(
  { executable, scratch, proxied }: Bed,
  { key }: Pick<Team, 'key'>,
): Promise<{ result: ClientResult; seen: string[] }> {
  const counter: RequestCounter = await startRequestCounter(proxied.url);
  const env = {
    CLAUDE_CODE_USE_BEDROCK: '1',
    CLAUDE_CODE_SKIP_BEDROCK_AUTH: '1',
    ANTHROPIC_BEDROCK_BASE_URL: counter.url,
    AWS_BEARER_TOKEN_BEDROCK: key,
    AWS_REGION: 'us-east-1',
    ANTHROPIC_MODEL: 'us.anthropic.claude-opus-5-5',
  };
  const run = { executable, scratch, baseUrl: counter.url, key, prompt: 'say hi', env };
  const result = await runClient(run).finally(() => counter.close());
  return { result, seen: counter.seen.filter((request) => request.startsWith('POST /model/')) };
}

async function ledgerOf({ proxied }: Bed, { id }: Team) {
  const entry = z.object({ session: z.string().nullable(), charged_nano_usd: z.number() });
  const api = connectAdminApi(new URL(proxied.url), proxied.adminToken);
  const page = await api.get(`/ledger?cost_center=${id}`);
  return expectReply(page, 200, z.object({ data: z.array(entry) })).data;
}
