import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { projectPath } from '../../scripts/project.ts';
import { brokenDoors } from './rooms.ts';
import { importsOf, sourcesUnder } from './source.ts';

const SOURCES = sourcesUnder('worker', 'durable-objects');

test('no import breaks the order of the rooms', () => {
  expect(SOURCES.length).toBeGreaterThan(100);
  expect(brokenDoors(SOURCES)).toEqual([]);
});

test('every relative import names a file that is there', () => {
  const ofTheProject = /^(?:worker|durable-objects)\//;
  const imported = SOURCES.flatMap((source) => importsOf(source).map(({ from }) => from));
  expect(imported.filter((from) => ofTheProject.test(from) && !existsSync(projectPath(from)))).toEqual([]);
});

test.each<[path: string, text: string, problem: string]>([
  ['durable-objects/core/money.ts', "import { ulid } from 'ulid';", 'core takes zod and temporal-polyfill'],
  ['durable-objects/core/x.ts', "import { env } from 'cloudflare:workers';", 'core takes zod'],
  ['durable-objects/core/x.ts', "import type { D1 } from '@cloudflare/workers-types';", 'core takes zod'],
  ['durable-objects/core/x.ts', "import { append } from '../ledger/append.ts';", 'core does not see ledger'],
  ['durable-objects/core/policy/x.ts', "import '../../wallet/rpc.ts';", 'core does not see wallet'],
  ['durable-objects/ledger/x.ts', "import type { A } from '../wallet/rpc.ts';", 'ledger does not see wallet'],
  ['durable-objects/wallet/x.ts', "import { a } from '../alerts/send.ts';", 'wallet does not see alerts'],
  ['durable-objects/wallet/x.ts', "import type { A } from '../../worker/bindings.ts';", 'looks outside'],
  ['durable-objects/core/x.ts', "export * from '../../test/fixture.ts';", 'looks outside'],
  [
    'durable-objects/misc/x.ts',
    "import { a } from '../core/money.ts';",
    'misc is no room of durable-objects',
  ],
  ['worker/turn/x.ts', "import { app } from '../app.ts';", 'turn is further in than app'],
  ['worker/store/x.ts', "import {\n  a,\n  b,\n} from '../turn/run.ts';", 'store is further in than turn'],
  ['worker/providers/x.ts', "import { a } from '../auth/admin.ts';", 'stand side by side'],
  ['worker/turn/x.ts', "import type { A } from '../policy/versions.ts';", 'stand side by side'],
  ['worker/routes/x.ts', "import { a } from '../misc/y.ts';", 'misc is no room of worker'],
  ['worker/bindings.ts', "import { a } from './store/wallets.ts';", 'takes only types of a room'],
  ['worker/app-env.ts', "import { type A, b } from './providers/provider.ts';", 'takes only types of a room'],
  [
    'worker/turn/x.ts',
    "const a = await import('../routes/data-plane.ts');",
    'turn is further in than routes',
  ],
  ['worker/turn/x.ts', "import type { W } from '../../durable-objects/wallet/wallet.ts';", 'only index.ts'],
  ['worker/bindings.ts', "import { Wallet } from '../durable-objects/wallet/wallet.ts';", 'only index.ts'],
  ['worker/turn/x.ts', "import { a } from '../../durable-objects/wallet/rpc.ts';", 'the calls are types'],
  ['worker/turn/x.ts', "import type { A } from '../../durable-objects/wallet/turns.ts';", 'its calls only'],
  ['worker/routes/x.ts', "import type { A } from '../../durable-objects/alerts/pump.ts';", 'its calls only'],
  ['worker/routes/x.ts', "import { a } from '../../durable-objects/alerts/rpc.ts';", 'the calls are types'],
  ['worker/policy/x.ts', "import type { A } from '../../durable-objects/dry-runs/job.ts';", 'its calls only'],
  [
    'durable-objects/dry-runs/x.ts',
    "import { a } from '../wallet/spend.ts';",
    'dry-runs does not see wallet',
  ],
])('%s with %s is found out', (path, text, problem) => {
  expect(brokenDoors([{ path, text }])).toEqual([expect.stringContaining(problem)]);
});

test.each([
  ['durable-objects/core/x.ts', "import { z } from 'zod';"],
  ['durable-objects/wallet/x.ts', "import { DurableObject } from 'cloudflare:workers';"],
  ['durable-objects/wallet/x.ts', "import { append } from '../ledger/append.ts';"],
  ['worker/app.ts', "import { createProvider } from './providers/create.ts';"],
  ['worker/routes/admin/x.ts', "import { errorResponse } from '../../envelope.ts';"],
  ['worker/app-env.ts', "import { type A, type B } from './providers/provider.ts';"],
  ['worker/index.ts', "export { Wallet } from '../durable-objects/wallet/wallet.ts';"],
  ['worker/turn/x.ts', "import type { A } from '../../durable-objects/wallet/rpc.ts';"],
  ['worker/turn/x.ts', "export function isTold(a: string): boolean { return a === ' from '; }"],
])('%s may have %s', (path, text) => {
  expect(brokenDoors([{ path, text }])).toEqual([]);
});
