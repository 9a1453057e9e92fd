import { describe, expect, test, vi } from 'vitest';
import { walletStub } from '../fixture.ts';
import {
  messageStart,
  messagesBody,
  openStream,
  sse,
  streamedAnswer,
  streamOf,
  textDelta,
  USAGE_NANO_USD,
} from './gateway.ts';
import { type Answers, failing, providerTeam, type Team } from './provider-team.ts';

const well: Answers = () => streamOf(streamedAnswer());
const refusingConnections: Answers = () => {
  throw new TypeError('connection refused');
};
const OPUS = 'claude-opus-5-5';
const SONNET = 'claude-sonnet-5-5';
const MESSAGE = JSON.stringify({
  id: 'msg_1',
  type: 'message',
  model: OPUS,
  content: [{ type: 'text', text: '{}' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1_000, output_tokens: 50 },
});

/** A turn that was read to its end and settled. */
async function turn({ bursar }: Team, body: object = {}, init: RequestInit = {}): Promise<Response> {
  const response = await bursar.turn(messagesBody(body), init);
  await response
    .clone()
    .text()
    .catch(() => undefined);
  await bursar.settled();
  return response;
}

async function ledgerOf({ bursar }: Team): Promise<object[]> {
  return await bursar.entries();
}

describe('a turn whose provider has trouble before its first byte', () => {
  test.each<[string, Answers]>([
    ['is at its limits', failing(429, { 'retry-after': '30' })],
    ['is overloaded', failing(529)],
    ['fails', failing(500)],
    ['is behind a gateway that fails', failing(502)],
    ['is away', failing(503)],
    ['is behind one that does not wait', failing(504)],
    ['refuses the connection', refusingConnections],
    ['refuses the credential', failing(401)],
    [
      'tells of an error first thing in its stream',
      () => streamOf(sse('error', { error: { type: 'overloaded_error', message: 'Overloaded' } })),
    ],
    ['ends its stream before it says anything', () => streamOf('')],
  ])('that %s goes to the next one, held and charged once', async (_, trouble) => {
    const team = await providerTeam(null, { a: { answers: trouble }, b: { answers: well } });
    const response = await turn(team);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(streamedAnswer());
    expect(team.asked()).toEqual(['a', 'b']);
    expect(response.headers.get('x-bursar-provider')).toBe('b');
    expect(await ledgerOf(team)).toMatchObject([
      {
        kind: 'charge',
        attempt: 1,
        charged_nano_usd: USAGE_NANO_USD,
        provider: 'anthropic',
        provider_instance: 'b',
        turn_id: response.headers.get('x-bursar-turn-id'),
      },
    ]);
    expect(await walletStub(team.bursar.costCenter).holds()).toEqual([]);
  });

  test('and whose other providers have it too gets the error of the last, and is not charged', async () => {
    const team = await providerTeam(null, {
      a: { answers: failing(500) },
      b: { answers: failing(429, { 'retry-after': '7' }, 'too many') },
      c: { answers: refusingConnections },
    });
    const response = await turn(team);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('7');
    expect(response.headers.get('x-bursar-provider')).toBe('b');
    expect(await response.json()).toMatchObject({ error: { type: 'rate_limit_error', message: 'too many' } });
    expect(team.asked()).toEqual(['a', 'b', 'c']);
    expect(await ledgerOf(team)).toMatchObject([{ kind: 'failure', charged_nano_usd: 0 }]);
    expect(await walletStub(team.bursar.costCenter).holds()).toEqual([]);
  });

  test('asks no more of them than FAILOVER allows', async () => {
    const members = { a: { answers: failing(500) }, b: { answers: failing(500) }, c: { answers: well } };
    const team = await providerTeam(null, members, { FAILOVER: '{"attempts": 2}' });
    expect((await turn(team)).status).toBe(500);
    expect(team.asked()).toEqual(['a', 'b']);
  });

  test('that refuses the request itself is not asked twice: no other would take it', async () => {
    const team = await providerTeam(null, {
      a: { answers: failing(400, {}, 'bad field') },
      b: { answers: well },
    });
    const response = await turn(team);
    expect(response.status).toBe(400);
    expect(team.asked()).toEqual(['a']);
  });

  test('that does not have the model after all goes to one that has', async () => {
    const gone: Answers = () =>
      Response.json(
        { type: 'error', error: { type: 'not_found_error', message: `model: ${OPUS}` } },
        { status: 404 },
      );
    const team = await providerTeam(null, { a: { answers: gone }, b: { answers: well } });
    expect((await turn(team)).status).toBe(200);
    expect(team.asked()).toEqual(['a', 'b']);
  });
});

describe('a provider whose first byte does not come in time', () => {
  test('is given up, charged for what it read, and the turn goes on elsewhere under the same id', async () => {
    const silent = openStream();
    const team = await providerTeam(
      null,
      { a: { answers: silent.answer }, b: { answers: well } },
      { FAILOVER: '{"first_byte_ms": 100}' },
    );
    const response = await turn(team);
    await silent.aborted;
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(streamedAnswer());
    const entries = await ledgerOf(team);
    expect(entries).toMatchObject([
      {
        kind: 'charge',
        attempt: 1,
        estimated: 1,
        estimated_why: 'first_byte_late',
        provider_instance: 'a',
        output_tokens: 0,
      },
      { kind: 'charge', attempt: 2, estimated: 0, charged_nano_usd: USAGE_NANO_USD, provider_instance: 'b' },
    ]);
    const [given] = entries as { charged_nano_usd: number; turn_id: string }[];
    expect(given?.charged_nano_usd).toBeGreaterThan(0);
    expect(given?.turn_id).toBe(response.headers.get('x-bursar-turn-id'));
    expect(await walletStub(team.bursar.costCenter).holds()).toEqual([]);
  });

  test('is waited for where there is no other', async () => {
    const slow: Answers = async () => {
      await vi.waitUntil(() => Date.now() > until);
      return streamOf(streamedAnswer());
    };
    const team = await providerTeam(null, { a: { answers: slow } }, { FAILOVER: '{"first_byte_ms": 100}' });
    const until = Date.now() + 250;
    expect((await turn(team)).status).toBe(200);
  });
});

describe('what was begun', () => {
  test('is never asked for again: a stream that breaks after its first byte stays broken', async () => {
    const breaking = openStream();
    const team = await providerTeam(null, { a: { answers: breaking.answer }, b: { answers: well } });
    const answering = team.bursar.turn(messagesBody());
    await breaking.called;
    await breaking.write(messageStart() + textDelta('half an ans'));
    const response = await answering;
    await breaking.fail();
    await expect(response.text()).rejects.toThrow();
    expect(team.asked()).toEqual(['a']);
    expect(await ledgerOf(team)).toMatchObject([{ kind: 'charge', estimated_why: 'upstream_cut' }]);
  });
});

describe('the order of providers', () => {
  test('is by weight, and the same for all turns of a session', async () => {
    const weighted = (weight: number) => ({ answers: well, settings: { weight } });
    const team = await providerTeam(null, { a: weighted(3), b: weighted(1) });
    const served = new Map<string, number>();
    for (let session = 0; session < 40; session += 1) {
      const headers = { 'x-claude-code-session-id': `session-${session}` };
      const response = await turn(team, {}, { headers });
      const provider = response.headers.get('x-bursar-provider') ?? '';
      served.set(provider, (served.get(provider) ?? 0) + 1);
      if (session >= 4) continue;
      expect((await turn(team, {}, { headers })).headers.get('x-bursar-provider')).toBe(provider);
    }
    expect(served.get('a')).toBeGreaterThan(22);
    expect(served.get('b')).toBeGreaterThan(2);
  });

  test('keeps a session where its prompt cache is, once another provider has answered it', async () => {
    let isWell = false;
    const recovering: Answers = (sent) => (isWell ? well(sent) : failing(500)(sent));
    const team = await providerTeam(null, { a: { answers: recovering }, b: { answers: well } });
    const headers = { 'x-claude-code-session-id': 'stuck' };
    await turn(team, {}, { headers });
    isWell = true;
    expect((await turn(team, {}, { headers })).headers.get('x-bursar-provider')).toBe('b');
    const other = await turn(team, {}, { headers: { 'x-claude-code-session-id': 'new' } });
    expect(other.headers.get('x-bursar-provider')).toBe('a');
  });

  test('leaves one alone that failed three times in a row, and one that said for how long', async () => {
    const failingTeam = await providerTeam(null, { a: { answers: failing(500) }, b: { answers: well } });
    const sessions = ['s1', 's2', 's3', 's4'];
    for (const session of sessions)
      await turn(failingTeam, {}, { headers: { 'x-claude-code-session-id': session } });
    expect(failingTeam.asked()).toEqual(['a', 'b', 'a', 'b', 'a', 'b', 'b']);
    const limited = { a: { answers: failing(429, { 'retry-after': '60' }) }, b: { answers: well } };
    const limitedTeam = await providerTeam(null, limited);
    for (const session of sessions)
      await turn(limitedTeam, {}, { headers: { 'x-claude-code-session-id': session } });
    expect(limitedTeam.asked()).toEqual(['a', 'b', 'b', 'b', 'b']);
  });

  test('has only what the policy allows', async () => {
    const policy = { budgets: [], allowed_providers: ['b'] };
    const team = await providerTeam(policy, { a: { answers: well }, b: { answers: failing(500) } });
    expect((await turn(team)).status).toBe(500);
    expect(team.asked()).toEqual(['b']);
  });

  test('has a cost center use its own credentials where it has some, and nobody else', async () => {
    const team = await providerTeam(null, {
      common: { answers: well },
      theirs: { answers: well, settings: { cost_centers: ['somebody-else'], weight: 100 } },
    });
    await turn(team);
    expect(team.asked()).toEqual(['common']);
    // Nor are models listed with them.
    const listed = await providerTeam(null, {
      theirs: { answers: () => Response.json({ data: [] }), settings: { cost_centers: ['somebody-else'] } },
      common: { answers: () => Response.json({ data: [] }) },
    });
    const headers = { authorization: `Bearer ${listed.bursar.key}` };
    expect((await listed.bursar.call('/v1/models', { headers })).status).toBe(200);
    expect(listed.asked()).toEqual(['common']);
  });

  test('ends where no provider may take the turn, with a reason and nothing held', async () => {
    const policy = { budgets: [], allowed_providers: ['elsewhere'] };
    const team = await providerTeam(policy, { a: { answers: well } });
    const response = await turn(team);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      error: { type: 'permission_error', message: expect.stringContaining(OPUS) },
    });
    expect(team.asked()).toEqual([]);
    expect(await walletStub(team.bursar.costCenter).holds()).toEqual([]);
  });
});

describe('a step down to a model that no provider can serve the turn by', () => {
  const HAIKU = 'claude-haiku-5-5';
  /** Every turn is in the downgrade stage from the first cent on. */
  const policy = (cascade: string[]): object => ({
    budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' }],
    stages: [
      { at: '0.000001', do: 'downgrade', step_down: 'always' },
      { at: '1.10', do: 'pause' },
    ],
    cascade,
  });
  const format = { type: 'json_schema', schema: { type: 'object' } };

  test('goes on to the next one, or to the model asked for, and the developer is not stopped', async () => {
    const settings = { only_models: [OPUS, HAIKU] };
    const team = await providerTeam(policy([OPUS, SONNET, HAIKU]), { a: { answers: well, settings } });
    await turn(team);
    expect((await turn(team)).headers.get('x-bursar-model')).toBe(HAIKU);
    const without = await providerTeam(policy([OPUS, SONNET]), { a: { answers: well, settings } });
    await turn(without);
    expect((await turn(without)).headers.get('x-bursar-model')).toBe(OPUS);
    expect(await ledgerOf(without)).toMatchObject([{ kind: 'charge' }, { kind: 'charge', attempt: 2 }]);
    expect(await walletStub(without.bursar.costCenter).holds()).toEqual([]);
  });

  test('is told by the model that is to serve: Haiku 5.5 has no structured outputs on Bedrock', async () => {
    const settings = { kind: 'bedrock', region: 'eu-central-1', secret: 'BEDROCK_KEY' };
    const bedrock = { answers: () => Response.json(JSON.parse(MESSAGE)), settings };
    const secrets = { BEDROCK_KEY: 'a-bedrock-api-key' } as Record<string, string>;
    const team = await providerTeam(policy([OPUS, HAIKU]), { a: bedrock }, secrets);
    const asking = { stream: false, output_config: { format } };
    await turn(team, asking);
    expect((await turn(team, asking)).headers.get('x-bursar-model')).toBe(OPUS);
    const bodies = team.bursar.sent.map(({ body }) => JSON.parse(new TextDecoder().decode(body)));
    expect(bodies).toMatchObject([{ output_config: { format } }, { output_config: { format } }]);
  });
});

describe('where every provider of a model is at its limits', () => {
  const budgets = [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100.00' }];
  const limitedOn =
    (model: string): Answers =>
    (sent) =>
      new TextDecoder().decode(sent.body).includes(`"${model}"`) ? failing(429)(sent) : well(sent);

  test('a policy can have the turn go on down the cascade', async () => {
    const members = { a: { answers: limitedOn(OPUS) }, b: { answers: limitedOn(OPUS) } };
    const team = await providerTeam({ budgets, when_exhausted: 'step_down' }, members);
    const response = await turn(team);
    expect(response.status).toBe(200);
    expect(team.asked()).toEqual(['a', 'b', 'a']);
    expect(response.headers.get('x-bursar-model')).toBe(SONNET);
    expect(response.headers.get('x-bursar-reason')).toBe(`model_unavailable failed:${OPUS}`);
    expect(await ledgerOf(team)).toMatchObject([{ kind: 'charge', attempt: 2, model_served: SONNET }]);
  });

  test('the turn gets the 429 where the policy says nothing, or no model is left', async () => {
    const members = { a: { answers: failing(429) }, b: { answers: failing(429) } };
    const silent = await providerTeam({ budgets }, members);
    expect((await turn(silent)).status).toBe(429);
    expect(silent.asked()).toEqual(['a', 'b']);
    const all = await providerTeam({ budgets, when_exhausted: 'step_down' }, members);
    expect((await turn(all)).status).toBe(429);
    expect(await ledgerOf(all)).toMatchObject([{ kind: 'failure', charged_nano_usd: 0 }]);
    expect(await walletStub(all.bursar.costCenter).holds()).toEqual([]);
  });
});

describe('a provider with prices of its own', () => {
  test('has them charged and listed, and told in the ledger', async () => {
    const team = await providerTeam(null, { a: { answers: well, settings: { price_multiplier: '1.1' } } });
    await turn(team);
    const dearer = (USAGE_NANO_USD * 11) / 10;
    expect(await ledgerOf(team)).toMatchObject([
      {
        charged_nano_usd: dearer,
        list_nano_usd: dearer,
        asked_nano_usd: dearer,
        price_millionths: 1_100_000,
      },
    ]);
  });
});
