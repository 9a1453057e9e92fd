import { expect, onTestFinished, test, vi } from 'vitest';
import { oneByOne } from '../../worker/policy/one-by-one.ts';

const TEAMS = [{ costCenter: 'one' }, { costCenter: 'two' }, { costCenter: 'three' }];

test('one that fails is logged by its cost center, and keeps none of the others waiting', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => logged.mockRestore());
  const done: string[] = [];
  await oneByOne('following', TEAMS, async ({ costCenter }) => {
    if (costCenter === 'two') throw new Error('odd');
    done.push(costCenter);
  });
  expect(done).toEqual(['one', 'three']);
  expect(logged.mock.calls).toEqual([
    [{ message: 'following failed', costCenter: 'two', error: 'Error: odd' }],
  ]);
});

test('where D1 is away none of the others is tried', async () => {
  const tried: string[] = [];
  const away = async ({ costCenter }: { costCenter: string }) => {
    tried.push(costCenter);
    throw new Error('D1_ERROR: away');
  };
  await expect(oneByOne('following', TEAMS, away)).rejects.toThrow('D1_ERROR');
  expect(tried).toEqual(['one']);
});
