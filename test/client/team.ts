/** A team with one small budget, whose spending a test can drive where it wants it. */
import { z } from 'zod';
import { connectAdminApi, expectReply } from '../../scripts/local/admin-api.ts';
import type { FakeUpstream, Usage } from '../process/fake-upstream.ts';

export interface Team {
  id: string;
  key: string;
  /** Has `dollars` (whole cents) charged to it, by one turn on claude-opus-5-5. */
  spend(dollars: number): Promise<void>;
}

/** What output costs on claude-opus-5-5, in USD a million tokens: driving goes by output alone. */
const OPUS_OUTPUT_USD = 20;

const MODEL = 'claude-opus-5-5';

/** Makes the team through the admin API; `limitUsd` is what it may spend in a day, `cascade` where it steps down. */
export async function makeTeam(
  gateway: { url: string; adminToken: string },
  upstream: FakeUpstream,
  team: { id: string; limitUsd: string; cascade?: readonly string[] },
): Promise<Team> {
  const api = connectAdminApi(new URL(gateway.url), gateway.adminToken);
  const manager = { name: 'Maria Manager', email: 'maria@example.com' };
  const center = { id: team.id, name: `Team ${team.id}`, timezone: 'Europe/Berlin', manager };
  expectReply(await api.post('/cost_centers', center), 201, z.unknown());
  const policy = {
    budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: team.limitUsd }],
    ...(team.cascade && { cascade: team.cascade }),
  };
  const path = `/cost_centers/${team.id}/policies`;
  const made = expectReply(await api.post(path, { policy }), 201, z.object({ version: z.number() }));
  expectReply(await api.post(`${path}/${made.version}/activate`, {}), 200, z.unknown());
  const keyReply = await api.post(`/cost_centers/${team.id}/keys`, { developer: 'dev@example.com' });
  const { secret: key } = expectReply(keyReply, 201, z.object({ secret: z.string() }));
  return {
    id: team.id,
    key,
    async spend(dollars) {
      upstream.answerWith(() => ({ kind: 'text', text: 'Spent.', usage: outputWorth(dollars) }));
      const reply = await sendTurn(gateway.url, key);
      if (reply.status !== 200) throw new Error(`spending failed with ${reply.status}: ${reply.text}`);
    },
  };
}

/** One small turn without the client. */
export async function sendTurn(
  url: string,
  key: string,
): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
    },
    body: JSON.stringify({ model: MODEL, max_tokens: 100, messages: [{ role: 'user', content: 'Spend.' }] }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

function outputWorth(dollars: number): Usage {
  const outputTokens = Math.round((dollars * 1_000_000) / OPUS_OUTPUT_USD);
  return {
    input_tokens: 0,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: outputTokens,
  };
}
