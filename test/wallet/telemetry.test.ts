import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { completed, openRequest } from '../fixture.ts';
import {
  alarmAt,
  bringDatabaseBack,
  costing,
  ledgerOf,
  openWallet,
  outboxDepth,
  passTime,
  type Scenario,
  takeDatabaseAway,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

interface Received {
  url: string;
  headers: Headers;
  body: { resourceSpans: { scopeSpans: { spans: { name: string; traceId: string }[] }[] }[] };
}

/** A collector that answers like this, and what it was sent. */
function collector(answer: () => Response | Promise<Response>): Received[] {
  const received: Received[] = [];
  const spy = vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit);
    received.push({ url: request.url, headers: request.headers, body: await request.json() });
    return await answer();
  });
  onTestFinished(() => spy.mockRestore());
  return received;
}

function spansOf(received: readonly Received[]): { name: string; traceId: string }[] {
  return received.flatMap(({ body }) => body.resourceSpans[0]?.scopeSpans[0]?.spans ?? []);
}

let scenario: Scenario;

/** A wallet is told of its collector by the deployment; here by the test, after each eviction anew. */
async function configure(endpoint = 'https://collector.example/otlp'): Promise<void> {
  await runInDurableObject(scenario.wallet, (instance) => {
    const env = { ...Reflect.get(instance, 'env') };
    Reflect.set(instance, 'env', { ...env, OTLP_ENDPOINT: endpoint, OTLP_HEADERS: 'x-api-key=s%3Dcret' });
  });
}

beforeEach(async () => {
  scenario = await openWallet(null);
  await configure();
});

async function turn(turnId: string): Promise<void> {
  await scenario.wallet.open(openRequest(scenario.id, turnId));
  await scenario.wallet.settle(completed(turnId, costing(0.01)));
}

async function countsOf(): Promise<{ sent: number; lost: number }> {
  const { telemetrySent: sent, telemetryLost: lost } = await scenario.wallet.gauges();
  return { sent, lost };
}

async function alarm(): Promise<void> {
  await runDurableObjectAlarm(scenario.wallet);
}

describe('a collector', () => {
  test('gets each entry that D1 took, once, with its headers', async () => {
    const received = collector(() => Response.json({ partialSuccess: {} }));
    await turn('a');
    await turn('b');
    await alarm();
    await vi.waitUntil(async () => (await countsOf()).sent === 2);
    await alarm();
    expect(received).toHaveLength(1);
    expect(received[0]?.url).toBe('https://collector.example/otlp/v1/traces');
    expect(received[0]?.headers.get('x-api-key')).toBe('s=cret');
    expect(received[0]?.headers.get('content-type')).toBe('application/json');
    expect(spansOf(received).map(({ name }) => name)).toEqual([
      'chat claude-opus-5-5',
      'chat claude-opus-5-5',
    ]);
    expect(await ledgerOf(scenario.id)).toHaveLength(2);
    expect(await countsOf()).toEqual({ sent: 2, lost: 0 });
  });

  test('gets nothing of what D1 has not taken yet', async () => {
    const received = collector(() => new Response());
    await turn('a');
    await takeDatabaseAway();
    await alarm();
    await bringDatabaseBack();
    expect(received).toEqual([]);
    passTime(60_000);
    await alarm();
    await vi.waitUntil(async () => (await countsOf()).sent === 1);
  });

  test('that is not configured is not asked for', async () => {
    const received = collector(() => new Response());
    await configure('');
    await turn('a');
    await alarm();
    expect(received).toEqual([]);
    expect(await ledgerOf(scenario.id)).toHaveLength(1);
    expect(await countsOf()).toEqual({ sent: 0, lost: 0 });
  });
});

describe('the ledger does not notice a collector', () => {
  test('that hangs: the alarm ends, leases and entries go on', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const received = collector(() => promise);
    await turn('a');
    await alarm();
    await turn('b');
    await scenario.wallet.open(openRequest(scenario.id, 'lost'));
    passTime(30_000);
    await alarm();
    expect(await scenario.wallet.holds()).toEqual([]);
    expect(await outboxDepth(scenario.wallet)).toBe(0);
    expect(await ledgerOf(scenario.id)).toHaveLength(3);
    expect(received).toHaveLength(1);
    resolve(new Response());
    await vi.waitUntil(async () => (await countsOf()).sent === 1);
    await alarm();
    await vi.waitUntil(async () => (await countsOf()).sent === 3);
  });

  test.each([
    ['is down', () => Promise.reject(new Error('connection refused'))],
    ['answers 503', () => new Response('busy', { status: 503 })],
  ])('that %s: it is asked again a few times, then the spans are lost and counted', async (_, answer) => {
    const received = collector(answer);
    await turn('a');
    const waits: number[] = [];
    for (let tries = 1; tries <= 4; tries += 1) {
      const triedMs = Date.now();
      await alarm();
      await vi.waitUntil(() => received.length === tries);
      if (tries === 4) break;
      await vi.waitUntil(async () => (await alarmAt(scenario.wallet)) !== null);
      const nextMs = (await alarmAt(scenario.wallet)) ?? Number.NaN;
      // Waiting moves the clock, by less than a second.
      waits.push(Math.floor((nextMs - triedMs) / 1_000));
      passTime(nextMs - Date.now());
    }
    await vi.waitUntil(async () => (await countsOf()).lost === 1);
    expect(waits).toEqual([2, 4, 8]);
    expect(await ledgerOf(scenario.id)).toHaveLength(1);
    expect(await countsOf()).toEqual({ sent: 0, lost: 1 });
  });

  test.each([400, 401, 404, 413, 301])('that answers %i: the spans are lost at once', async (status) => {
    const received = collector(() => new Response(null, { status }));
    await turn('a');
    await alarm();
    await vi.waitUntil(async () => (await countsOf()).lost === 1);
    expect(received).toHaveLength(1);
    expect(await ledgerOf(scenario.id)).toHaveLength(1);
  });

  test('that takes a part', async () => {
    collector(() => Response.json({ partialSuccess: { rejectedSpans: '2', errorMessage: 'too old' } }));
    for (const id of ['a', 'b', 'c']) await turn(id);
    await alarm();
    await vi.waitUntil(async () => (await countsOf()).lost === 2);
    expect(await countsOf()).toEqual({ sent: 1, lost: 2 });
  });
});

describe('the queue', () => {
  test('is bounded: what it has no room for is lost and counted, and it goes out a batch an alarm', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const received = collector(async () => (await promise).clone());
    await turn('a');
    await runInDurableObject(scenario.wallet, (_, { storage }) => {
      const [row] = storage.sql.exec<{ document: string }>('SELECT document FROM outbox').toArray();
      for (let copy = 0; copy < 1_099; copy += 1) {
        const document = { ...JSON.parse(row?.document ?? ''), entry_id: `${scenario.id}-${copy}` };
        storage.sql.exec(
          "INSERT INTO outbox (destination, document) VALUES ('ledger', ?)",
          JSON.stringify(document),
        );
      }
    });
    while ((await outboxDepth(scenario.wallet)) > 0) await alarm();
    expect(await countsOf()).toEqual({ sent: 0, lost: 100 });
    resolve(new Response());
    await vi.waitUntil(
      async () => {
        await alarm();
        return (await countsOf()).sent === 1_000;
      },
      { timeout: 10_000 },
    );
    expect(received.every((each) => spansOf([each]).length <= 200)).toBe(true);
  }, 20_000);

  test('is lost with the object, and counted', async () => {
    const received = collector(() => new Response(null, { status: 503 }));
    await turn('a');
    await alarm();
    await vi.waitUntil(() => received.length === 1);
    expect(await countsOf()).toEqual({ sent: 0, lost: 0 });
    await evictDurableObject(scenario.wallet);
    expect(await countsOf()).toEqual({ sent: 0, lost: 1 });
  });
});
