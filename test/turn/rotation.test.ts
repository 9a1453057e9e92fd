import { describe, expect, test } from 'vitest';
import { keyIdOf, walletStub } from '../fixture.ts';
import { passTime, useFakeClock } from '../wallet/scenario.ts';
import { administer, administered, issuedKey } from './admin.ts';
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
} from './gateway.ts';

const HOUR_MS = 3_600_000;

useFakeClock();

async function anyGateway(): Promise<Gateway> {
  return await gateway(null, () => streamOf(streamedAnswer()));
}

function ownKey(bursar: Gateway): string {
  return `/keys/${keyIdOf(bursar.costCenter)}`;
}

/** The status of a turn with a key, the gateway's own unless told otherwise. */
async function turnStatus(bursar: Gateway, key = bursar.key): Promise<number> {
  const response = await bursar.turn(messagesBody(), { headers: { authorization: `Bearer ${key}` } });
  await response.text();
  return response.status;
}

describe('a key that was revoked', () => {
  test('is dead when the call returns, for turns and for all else', async () => {
    const bursar = await anyGateway();
    expect(await turnStatus(bursar)).toBe(200);
    expect((await administer(bursar, 'DELETE', ownKey(bursar))).status).toBe(204);
    const headers = { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' };
    const answers = [
      await bursar.turn(messagesBody()),
      await bursar.call('/v1/messages/count_tokens', { method: 'POST', headers, body: '{}' }),
      await bursar.call('/v1/models', { headers }),
      await bursar.call('/v1/models/claude-opus-5-5', { headers }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(401);
      expect(answer.headers.get('x-should-retry')).toBe('false');
      expect(await answer.json()).toMatchObject({
        type: 'error',
        error: { type: 'authentication_error', message: expect.stringContaining('was revoked') },
      });
    }
    expect(bursar.sent).toHaveLength(1);
  });

  test('is dead at its first use too', async () => {
    const bursar = await anyGateway();
    await administered(bursar, 'DELETE', ownKey(bursar));
    expect(await turnStatus(bursar)).toBe(401);
  });

  test('lets a turn that runs come to its end, and it is charged', async () => {
    const upstream = openStream();
    const bursar = await gateway(null, upstream.answer);
    const running = (await bursar.turn(messagesBody())).text();
    await upstream.write(messageStart());
    await administered(bursar, 'DELETE', ownKey(bursar));
    expect(await turnStatus(bursar)).toBe(401);
    await upstream.write(sse('message_delta', { delta: { stop_reason: 'end_turn' }, usage: USAGE }));
    await upstream.end();
    await running;
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', charged_nano_usd: USAGE_NANO_USD }]);
  });

  test('takes no other key with it', async () => {
    const bursar = await anyGateway();
    const other = await issuedKey(await administer(bursar, 'POST', '/keys', { developer: 'b@example.com' }));
    await administered(bursar, 'DELETE', ownKey(bursar));
    expect(await turnStatus(bursar, other.secret)).toBe(200);
  });

  test('leaves nothing in the ledger when it is tried', async () => {
    const bursar = await anyGateway();
    await administered(bursar, 'DELETE', ownKey(bursar));
    await turnStatus(bursar);
    expect(await bursar.entries()).toEqual([]);
    expect(await walletStub(bursar.costCenter).holds()).toEqual([]);
  });
});

describe('a key that was disabled', () => {
  test('is dead when the call returns, and good again when it was enabled', async () => {
    const bursar = await anyGateway();
    await administered(bursar, 'PATCH', ownKey(bursar), { enabled: false });
    expect(await turnStatus(bursar)).toBe(401);
    await administered(bursar, 'PATCH', ownKey(bursar), { enabled: true });
    expect(await turnStatus(bursar)).toBe(200);
  });
});

describe('a key that expires', () => {
  const inAnHour = (): string => new Date(Date.now() + HOUR_MS).toISOString();

  test('is good until then and a 401 from then on', async () => {
    const bursar = await anyGateway();
    await administered(bursar, 'PATCH', ownKey(bursar), { expires_at: inAnHour() });
    expect(await turnStatus(bursar)).toBe(200);
    passTime(HOUR_MS);
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining('has expired') },
    });
  });

  test('is good again once its end was put off', async () => {
    const bursar = await anyGateway();
    await administered(bursar, 'PATCH', ownKey(bursar), { expires_at: inAnHour() });
    passTime(2 * HOUR_MS);
    expect(await turnStatus(bursar)).toBe(401);
    await administered(bursar, 'PATCH', ownKey(bursar), { expires_at: inAnHour() });
    expect(await turnStatus(bursar)).toBe(200);
    await administered(bursar, 'PATCH', ownKey(bursar), { expires_at: null });
    passTime(100 * HOUR_MS);
    expect(await turnStatus(bursar)).toBe(200);
  });
});

describe('a key that was rotated', () => {
  test('is good beside its successor for the overlap, and then the successor alone', async () => {
    const bursar = await anyGateway();
    const rotated = await administer(bursar, 'POST', `${ownKey(bursar)}/rotate`, { overlap_seconds: 3_600 });
    const successor = await issuedKey(rotated);
    expect(await turnStatus(bursar)).toBe(200);
    expect(await turnStatus(bursar, successor.secret)).toBe(200);
    passTime(HOUR_MS);
    expect(await turnStatus(bursar)).toBe(401);
    expect(await turnStatus(bursar, successor.secret)).toBe(200);
  });

  test('without an overlap is dead when the call returns', async () => {
    const bursar = await anyGateway();
    const rotated = await administer(bursar, 'POST', `${ownKey(bursar)}/rotate`, { overlap_seconds: 0 });
    const successor = await issuedKey(rotated);
    expect(await turnStatus(bursar)).toBe(401);
    expect(await turnStatus(bursar, successor.secret)).toBe(200);
  });

  test('hands its developer and tags on to the ledger', async () => {
    const bursar = await anyGateway();
    const successor = await issuedKey(await administer(bursar, 'POST', `${ownKey(bursar)}/rotate`, {}));
    await turnStatus(bursar);
    await turnStatus(bursar, successor.secret);
    const entries = await bursar.entries();
    expect(entries.map((entry) => entry.key_id)).toEqual([keyIdOf(bursar.costCenter), successor.id]);
    for (const entry of entries) {
      expect(entry).toMatchObject({ developer: 'dev@example.com', key_tags: '{"team":"a"}' });
    }
  });
});

describe('a key that was just issued', () => {
  test('is good at once, for the developer it was made for', async () => {
    const bursar = await anyGateway();
    const body = { developer: 'Eve@Example.com', tags: { repository: 'shop' } };
    const { id, secret } = await issuedKey(await administer(bursar, 'POST', '/keys', body));
    expect(await turnStatus(bursar, secret)).toBe(200);
    expect(await bursar.entries()).toMatchObject([
      { key_id: id, developer: 'eve@example.com', key_tags: '{"repository":"shop"}' },
    ]);
  });
});
