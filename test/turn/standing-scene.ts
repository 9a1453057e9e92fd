/** A team whose money and turns a test drives, as its developers ask where they stand. */
import type { Env } from '../../worker/bindings.ts';
import { completed, openRequest, walletStub } from '../fixture.ts';
import { costing } from '../wallet/scenario.ts';
import { administer, type IssuedKey, issuedKey } from './admin.ts';
import { type Gateway, gateway, messagesBody, streamedAnswer, streamOf } from './gateway.ts';

/** One shared day budget in Berlin, `limitUsd` a day; `rest` goes over the policy. */
export function teamDay(limitUsd: string, rest: object = {}): object {
  return {
    timezone: 'Europe/Berlin',
    budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: limitUsd }],
    ...rest,
  };
}

export async function answering(policy: object | null, overrides: Partial<Env> = {}): Promise<Gateway> {
  return await gateway(policy, () => streamOf(streamedAnswer()), overrides);
}

/** Spends money in a session of its own, without a turn through the gateway; by default with the gateway's key. */
export async function spend({ costCenter }: Gateway, usd: number, keyId?: string): Promise<void> {
  const wallet = walletStub(costCenter);
  const facts = { session: 'earlier', kind: 'subagent' as const, agent: 'a1', maxTokens: 10 };
  const request = openRequest(costCenter, crypto.randomUUID(), facts);
  await wallet.open(keyId === undefined ? request : { ...request, keyId });
  await wallet.settle(completed(request.turnId, costing(usd)));
}

/** A whole turn on Opus; its answer's headers. */
export async function turn(
  bursar: Gateway,
  session = 's1',
  key = bursar.key,
  changes = {},
): Promise<Headers> {
  const headers = { authorization: `Bearer ${key}`, 'x-claude-code-session-id': session };
  const response = await bursar.turn(messagesBody(changes), { headers });
  await response.text();
  await bursar.settled();
  return response.headers;
}

/** A key of another developer of the same cost center. */
export async function colleague(bursar: Gateway): Promise<IssuedKey> {
  return await issuedKey(await administer(bursar, 'POST', '/keys', { developer: 'ada@example.com' }));
}

/** `GET` with a virtual key, by default the gateway's. */
export async function ask(bursar: Gateway, path: string, headers: Record<string, string> = {}) {
  return await bursar.call(path, { headers: { authorization: `Bearer ${bursar.key}`, ...headers } });
}

export async function askJson(
  bursar: Gateway,
  path: string,
  headers: Record<string, string> = {},
): Promise<object> {
  return (await (await ask(bursar, path, headers)).json()) as object;
}
