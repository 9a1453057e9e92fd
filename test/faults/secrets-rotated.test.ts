import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { app } from '../../worker/app.ts';
import type { Env } from '../../worker/bindings.ts';
import { administer, issuedKey } from '../turn/admin.ts';
import {
  type Gateway,
  gateway,
  messageStart,
  messagesBody,
  openStream,
  sse,
  streamedAnswer,
  streamOf,
  USAGE,
  USAGE_NANO_USD,
} from '../turn/gateway.ts';

declare global {
  namespace Cloudflare {
    interface Env {
      KEY_SECRETS: string;
    }
  }
}

const FIRST = env.KEY_SECRETS;
const SECOND = '2:test-secret-of-the-second-generation-02';
const BOTH = `${SECOND},${FIRST}`;

/** The same cost center through a deployment with other secrets. */
function withSecrets(bursar: Gateway, secrets: string): Pick<Gateway, 'call' | 'costCenter'> {
  const bindings = { ...(env as unknown as Env), PROVIDER: 'anthropic', KEY_SECRETS: secrets };
  return {
    costCenter: bursar.costCenter,
    call: async (path, init) => {
      const context = createExecutionContext();
      onTestFinished(() => waitOnExecutionContext(context));
      return await app.fetch(new Request(`https://bursar.example${path}`, init), bindings, context);
    },
  };
}

async function turn(deployment: Pick<Gateway, 'call'>, key: string): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return await deployment.call('/v1/messages', {
    method: 'POST',
    headers,
    body: JSON.stringify(messagesBody()),
  });
}

async function turnStatus(deployment: Pick<Gateway, 'call'>, key: string): Promise<number> {
  const response = await turn(deployment, key);
  await response.text();
  return response.status;
}

async function anyGateway(): Promise<Gateway> {
  return await gateway(null, () => streamOf(streamedAnswer()));
}

describe('a new secret in front of the old one', () => {
  test('signs the new keys, while those of the old one go on', async () => {
    const bursar = await anyGateway();
    const both = withSecrets(bursar, BOTH);
    const issued = await issuedKey(await administer(both, 'POST', '/keys', { developer: 'b@example.com' }));
    expect(bursar.key).toContain('.1_');
    expect(issued.secret).toContain('.2_');
    expect(await turnStatus(both, bursar.key)).toBe(200);
    expect(await turnStatus(both, issued.secret)).toBe(200);
  });

  test('makes keys that a deployment without it does not take', async () => {
    const bursar = await anyGateway();
    const both = withSecrets(bursar, BOTH);
    const issued = await issuedKey(await administer(both, 'POST', '/keys', { developer: 'b@example.com' }));
    expect(await turnStatus(withSecrets(bursar, FIRST), issued.secret)).toBe(401);
  });

  test('signs nothing as long as it stands behind the old one', async () => {
    const bursar = await anyGateway();
    const prepared = withSecrets(bursar, `${FIRST},${SECOND}`);
    const issued = await issuedKey(
      await administer(prepared, 'POST', '/keys', { developer: 'b@example.com' }),
    );
    expect(issued.secret).toContain('.1_');
  });

  test('re-issues a key by its rotation', async () => {
    const bursar = await anyGateway();
    const both = withSecrets(bursar, BOTH);
    const [, keyId] = bursar.key.split('.');
    const rotated = await issuedKey(await administer(both, 'POST', `/keys/${keyId}/rotate`, {}));
    expect(rotated.secret).toContain('.2_');
    expect(await turnStatus(withSecrets(bursar, SECOND), rotated.secret)).toBe(200);
  });
});

describe('the old secret dropped', () => {
  test.each([
    ['left out', SECOND],
    ['replaced under its own number', '1:test-secret-of-another-first-generation'],
  ])('(%s) makes its keys a 401 that reaches nothing', async (_how, secrets) => {
    const bursar = await anyGateway();
    const response = await turn(withSecrets(bursar, secrets), bursar.key);
    expect(response.status).toBe(401);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toMatchObject({ error: { type: 'authentication_error' } });
    expect(bursar.sent).toHaveLength(0);
  });

  test('and put back makes them good again: nothing about them is stored', async () => {
    const bursar = await anyGateway();
    expect(await turnStatus(withSecrets(bursar, SECOND), bursar.key)).toBe(401);
    expect(await turnStatus(withSecrets(bursar, BOTH), bursar.key)).toBe(200);
  });
});

describe('a turn that runs while the secrets are rotated', () => {
  test.each([
    ['with the old one kept', BOTH],
    ['with the old one dropped', SECOND],
  ])('%s comes to its end and is charged as ever', async (_how, secrets) => {
    const upstream = openStream();
    const answers = [upstream.answer, () => streamOf(streamedAnswer())];
    const bursar = await gateway(
      null,
      (sent) => answers.shift()?.(sent) ?? new Response(null, { status: 500 }),
    );
    const running = (await bursar.turn(messagesBody())).text();
    await upstream.write(messageStart());
    await turnStatus(withSecrets(bursar, secrets), bursar.key);
    const last = sse('message_delta', { delta: { stop_reason: 'end_turn' }, usage: USAGE });
    await upstream.write(last);
    await upstream.end();
    expect(await running).toBe(messageStart() + last);
    const entries = await bursar.entries();
    expect(entries[0]).toMatchObject({ kind: 'charge', estimated: 0, charged_nano_usd: USAGE_NANO_USD });
  });
});
