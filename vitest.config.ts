import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { buildWorker } from './scripts/bundle.ts';

/** Tests of pure calculation: they are the same in every runtime, and in Node a file of them takes no second. */
const PURE = [
  'test/core/**/*.test.ts',
  'test/finance/formats/**/*.test.ts',
  'test/ledger/**/*.test.ts',
  'test/traffic/**/*.test.ts',
  'test/player/**/*.test.ts',
  'test/policy/diff/**/*.test.ts',
  'test/policy/review/**/*.test.ts',
  'test/providers/bedrock/base64-bytes.test.ts',
  'test/providers/event-stream.test.ts',
  'test/providers/json-splice.test.ts',
  'test/providers/dialects/**/*.test.ts',
];

/** They play much traffic through a process of their own and are held to no time: they fill what others leave idle. */
const LOAD = ['chaos', 'demo-traffic', 'dialects', 'week'].map((name) => `test/process/${name}.node.test.ts`);

/** The Worker as it would be deployed: one module to load for each file of tests, and not four hundred. */
const BUNDLE = '.wrangler/test-worker';

/** What the Worker and its tests import from node_modules. */
const LIBRARIES = [
  '@anthropic-ai/sdk',
  '@hono/zod-openapi',
  'drizzle-orm',
  'drizzle-orm/d1',
  'drizzle-orm/sqlite-core',
  'fast-check',
  'hono',
  'hono/body-limit',
  'hono/cookie',
  'hono/html',
  'hono/http-exception',
  'hono/route',
  'jose',
  'openai',
  'temporal-polyfill',
  'ulid',
  'zod',
];

/**
 * Four projects: `worker` runs inside workerd against the real Worker, its Durable Objects and D1; `pure` holds
 * calculation that touches none of them; `load` and `node` what needs processes, files or sockets (`*.node.test.ts`).
 */
export default defineConfig(async () => {
  const migrations = await readD1Migrations('migrations');
  const built = await buildWorker(BUNDLE);
  if (!built.ok) throw new Error(`The Worker does not build:\n${built.error}`);
  return {
    test: {
      projects: [
        {
          plugins: [
            cloudflareTest({
              main: `${BUNDLE}/index.js`,
              wrangler: { configPath: './wrangler.toml' },
              miniflare: {
                // Optional in wrangler.toml, where it is a comment.
                r2Buckets: ['ARCHIVE'],
                email: { send_email: [{ name: 'EMAIL' }] },
                bindings: {
                  PROVIDER: 'simulator',
                  // Tests of approvals set it on.
                  POLICY_APPROVAL: 'off',
                  KEY_SECRETS: '1:test-secret-of-the-first-generation-0001',
                  SIGNING_KEYS: `1:${Buffer.alloc(32, 7).toString('base64url')}`,
                  ADMIN_TOKEN: 'test-admin-token-0001',
                  ANTHROPIC_API_KEY: 'test-upstream-key',
                  TEST_MIGRATIONS: migrations,
                  // `npm run soak` sets it.
                  SOAK_SECONDS: process.env.SOAK_SECONDS ?? '',
                },
              },
            }),
          ],
          test: {
            name: 'worker',
            isolate: false,
            maxWorkers: 2,
            sequence: { groupOrder: 1 },
            include: ['test/**/*.test.ts'],
            exclude: ['test/**/*.node.test.ts', ...PURE],
            setupFiles: ['test/apply-migrations.ts'],
            // Every file loads the whole Worker: a library in one piece is one module to fetch, and not hundreds.
            deps: { optimizer: { ssr: { enabled: true, include: LIBRARIES } } },
            // For a machine that is busy; what has to be quick is measured in benchmarks.
            testTimeout: 30_000,
          },
        },
        {
          test: {
            name: 'pure',
            include: PURE,
            testTimeout: 60_000,
            maxWorkers: 2,
            sequence: { groupOrder: 0 },
          },
        },
        {
          test: {
            name: 'load',
            maxWorkers: 2,
            sequence: { groupOrder: 1 },
            include: LOAD,
            testTimeout: 120_000,
            hookTimeout: 120_000,
          },
        },
        {
          test: {
            name: 'node',
            // They start processes and hold them to a time: one file after the other, and after all else.
            fileParallelism: false,
            maxWorkers: 1,
            sequence: { groupOrder: 2 },
            include: ['test/**/*.node.test.ts'],
            exclude: LOAD,
            testTimeout: 120_000,
            hookTimeout: 120_000,
          },
        },
      ],
    },
  };
});
