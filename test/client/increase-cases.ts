/** A budget that is used up, a developer who asks for more, and the prompt after the approval. */
import assert from 'node:assert/strict';
import { z } from 'zod';
import { connectAdminApi, expectReply } from '../../scripts/local/admin-api.ts';
import type { Bed, Case } from './cases.ts';
import { runClient } from './claude-code.ts';
import { makeTeam } from './team.ts';

export const INCREASE_CASES: readonly Case[] = [
  {
    name: 'a refused prompt is answered as soon as what was asked by the link is approved',
    async run({ executable, scratch, proxied, upstream }: Bed) {
      const team = await makeTeam(proxied, upstream, { id: 'client-increase', limitUsd: '10.00' });
      await team.spend(11.5);
      upstream.answerWith(() => ({ kind: 'text', text: 'Hello again.' }));
      const run = { executable, scratch, baseUrl: proxied.url, key: team.key, prompt: 'say hi', env: {} };
      const refused = await runClient(run);
      assert.equal(refused.is_error, true);
      const [link] = /http:\/\/127\.0\.0\.1:\d+\/ask\/\S+/.exec(refused.result) ?? [];
      assert.ok(link, `no link in: ${refused.result}`);

      const body = new URLSearchParams({ extra_usd: '10', reason: 'release day' });
      const asked = await fetch(link, { method: 'POST', body });
      assert.equal(asked.status, 201);
      const api = connectAdminApi(new URL(proxied.url), proxied.adminToken);
      const page = z.object({ data: z.array(z.looseObject({ id: z.string() })) });
      const { data } = expectReply(await api.get(`/increase_requests?cost_center=${team.id}`), 200, page);
      const approved = await api.post(`/increase_requests/${data[0]?.id}/approve`, {});
      expectReply(approved, 200, z.looseObject({ status: z.literal('approved') }));

      const answered = await runClient(run);
      assert.equal(answered.is_error, false, `the client failed: ${answered.result}`);
      assert.equal(answered.result, 'Hello again.');
    },
  },
];
