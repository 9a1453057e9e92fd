import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test, vi } from 'vitest';
import { DEVELOPER } from '../fixture.ts';
import { call, field } from '../routes/admin/admin-calls.ts';
import { useFakeClock } from '../wallet/scenario.ts';
import { ask, DAY, eventsOf, finish, limit, objectOf, recordedTeam } from './scenario.ts';

useFakeClock('2035-06-14T12:00:00.000Z');

/** Spent by one developer each, and paused after two turns. */
const POLICY = {
  budgets: [
    {
      id: 'dev-day',
      scope: 'developer',
      window: 'day',
      limit_usd: '1.00',
      stages: [
        { at: '0.50', do: 'alert' },
        { at: '1.00', do: 'pause' },
      ],
    },
  ],
};

test('a developer who left has a pseudonym in dry runs, whether they are over or under way', async () => {
  const team = await recordedTeam(8);
  const over = await ask(team.id, { policy: POLICY, ...DAY });
  const before = await finish(team.id, over);
  const events = await eventsOf(team.id, over);
  const running = await ask(team.id, { policy: POLICY, ...DAY, seed_standing: false });
  await limit(running, { rowsASlice: 3, slicesARun: 4 });
  await runDurableObjectAlarm(objectOf(running));
  expect((await objectOf(running).progress())?.rowsDone).toBeGreaterThan(0);

  const left = await call('POST', `/developers/${DEVELOPER}/pseudonymise`, { reason: 'left' });
  expect(left).toMatchObject({ status: 200, body: { complete: true } });
  const pseudonym = field(left, 'pseudonym');

  const renamed = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll(DEVELOPER, pseudonym));
  expect((await finish(team.id, over)).result).toEqual(renamed(before.result));
  expect(await eventsOf(team.id, over)).toEqual(renamed(events));
  expect(JSON.stringify(events)).toContain(DEVELOPER);
  expect((await finish(team.id, running)).result).toEqual(renamed(before.result));
  expect(await eventsOf(team.id, running)).toEqual(renamed(events));
  const kept = await env.DB.prepare('SELECT group_concat(result) AS text FROM dry_run_drafts').first('text');
  expect(kept).not.toContain(DEVELOPER);
});

test('a name that is on its way to D1 arrives there before it is renamed', async () => {
  const team = await recordedTeam(4);
  const id = await ask(team.id, { policy: POLICY, ...DAY });
  const object = objectOf(id);
  await limit(id, { slicesARun: 1 });
  const phaseOf = () =>
    runInDurableObject(object, (_, { storage }) => storage.sql.exec('SELECT phase FROM job').one().phase);
  while ((await phaseOf()) !== 'telling') await runDurableObjectAlarm(object);
  const order: string[] = [];
  let arrive: (() => void) | null = null;
  await runInDurableObject(object, (instance) => {
    const { DB } = Reflect.get(instance, 'env') as { DB: D1Database };
    const send = DB.batch.bind(DB);
    vi.spyOn(DB, 'batch').mockImplementationOnce(async (statements) => {
      await new Promise<void>((resolve) => (arrive = resolve));
      order.push('told');
      return await send(statements);
    });
  });
  const telling = runDurableObjectAlarm(object);
  // (`vi.waitUntil` would move the clock.)
  while (!arrive) await new Promise((resolve) => setTimeout(resolve, 1));
  const renaming = object
    .rename({ developer: DEVELOPER, pseudonym: 'left-0' })
    .then(() => order.push('renamed'));
  for (let calls = 0; calls < 3; calls += 1) await object.progress();
  await runInDurableObject(object, () => arrive?.());
  await Promise.all([telling, renaming]);
  expect(order).toEqual(['told', 'renamed']);
  expect((await finish(team.id, id)).status).toBe('succeeded');
});
