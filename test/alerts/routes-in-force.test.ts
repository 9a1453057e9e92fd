import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { passTime, useFakeClock } from '../wallet/scenario.ts';
import {
  accept,
  alarmAt,
  answerRequests,
  configure,
  deliver,
  deliveriesOf,
  openDelivery,
  route,
  statesOf,
  webhookTo,
  writeRoutes,
} from './scenario.ts';

useFakeClock();

const [HOOK, OTHER, SPARE] = [webhookTo('hook'), webhookTo('other'), webhookTo('spare')];
/** A database that does not answer. */
const AWAY = { prepare: () => ({ bind: () => ({ first: () => Promise.reject(new Error('D1 is away')) }) }) };

describe('routes', () => {
  test('are read anew once they changed, and else at most once a minute', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    await accept(scenario);
    await deliver(scenario);
    await writeRoutes(scenario.id, { routes: [route(OTHER)], fallback: [] }, 2);
    await accept(scenario);
    await deliver(scenario);
    await scenario.object.routesChanged(scenario.id);
    await accept(scenario);
    await deliver(scenario);
    await writeRoutes(scenario.id, { routes: [route(SPARE)], fallback: [] }, 3);
    passTime(60_000);
    await accept(scenario);
    await deliver(scenario);
    expect(received.map(({ host }) => host)).toEqual(['hook', 'hook', 'other', 'spare']);
  });

  test('that changed under a message on its way lead it to where it should go now', async () => {
    const received = answerRequests(() => new Response(null, { status: 503 }));
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [SPARE] });
    const event = await accept(scenario);
    await deliver(scenario);
    await writeRoutes(scenario.id, { routes: [route(OTHER)], fallback: [SPARE] }, 2);
    await scenario.object.routesChanged(scenario.id);
    passTime(5_000);
    await deliver(scenario);
    expect(received.map(({ host }) => host)).toEqual(['hook', 'other']);
    expect(await statesOf(scenario, event)).toEqual(['dst_hook dead', 'dst_other waiting']);
  });

  test('are known while D1 is away; an event whose routes nobody knows waits for it', async () => {
    const received = answerRequests();
    const known = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    await accept(known);
    await deliver(known);
    const unknown = await openDelivery({ routes: [route(OTHER)], fallback: [] });
    for (const each of [known, unknown]) await configure(each, { DB: AWAY });
    passTime(3_600_000);
    await accept(known);
    await deliver(known);
    const waiting = await accept(unknown);
    await deliver(unknown);
    expect(received.map(({ host }) => host)).toEqual(['hook', 'hook']);
    expect(await alarmAt(unknown)).toBe(Date.now() + 5_000);
    await configure(unknown, { DB: env.DB });
    passTime(5_000);
    await deliver(unknown);
    expect(await statesOf(unknown, waiting)).toEqual(['dst_other delivered']);
  });

  test('whose credential cannot be opened any more fail for good and say so', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    await configure(scenario, { KEY_SECRETS: '2:another-secret-of-the-second-generation' });
    const event = await accept(scenario);
    await deliver(scenario);
    expect(received).toEqual([]);
    expect((await deliveriesOf(scenario, event))[0]?.attempts[0]?.problem).toContain('cannot be opened');
  });
});
