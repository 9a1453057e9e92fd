import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connectAdminApi, expectReply } from '../../scripts/local/admin-api.ts';
import { ADMIN_TOKEN, teamDay } from './demo-ledger.ts';
import { eventually } from './eventually.ts';
import { type GatewayProcess, isRunning, runFailingStart, startGatewayProcess } from './gateway-process.ts';

const READY_WITHIN_MS = 20_000;

let stateDir: string;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'bursar-start-'));
});
afterAll(() => rm(stateDir, { recursive: true, force: true }));

function pasteLines(gateway: GatewayProcess): string[] {
  return gateway
    .output()
    .split('\n')
    .filter((line) => line.startsWith('export '))
    .map((line) => line.replace(gateway.url, 'URL'));
}

describe('npm start', () => {
  let first: GatewayProcess;

  test('answers within 20 s on an empty state, with a demo team and the lines to paste', async () => {
    const begun = Date.now();
    first = await startGatewayProcess({ stateDir });
    expect(Date.now() - begun).toBeLessThan(READY_WITHIN_MS);
    expect(first.output()).toContain('built-in simulator');
    const [base, native, admin] = pasteLines(first);
    expect(base).toMatch(/^export ANTHROPIC_BASE_URL=URL ANTHROPIC_AUTH_TOKEN=bk_platform-squad\.\S+$/);
    expect(native).toMatch(/^export CLAUDE_CODE_USE_GATEWAY=1 /);
    expect(admin).toMatch(/^export ADMIN_TOKEN=\S{32,} /);
    const health = await fetch(`${first.url}/healthz`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ provider: 'simulator' });
  });

  test('keeps its secrets readable by their owner only', async () => {
    const { mode } = await stat(join(stateDir, 'bursar-local.json'));
    expect(mode & 0o777).toBe(0o600);
  });

  test('refuses a second gateway on the same state', async () => {
    const second = await runFailingStart({ stateDir });
    expect(second).toMatchObject({ code: 1, error: expect.stringContaining('running already') });
  });

  test('leaves no process behind after Ctrl-C, and gives the port back', async () => {
    const workerd = first.workerdPid();
    expect(isRunning(workerd)).toBe(true);
    expect(await first.end('SIGINT')).toBe(0);
    await eventually('the end of workerd', 2_000, () => (isRunning(workerd) ? null : true));
    await expect(fetch(`${first.url}/healthz`)).rejects.toThrow();
  });

  test('started again it keeps the demo, its key and its admin token, and shows the token no more', async () => {
    const second = await startGatewayProcess({ stateDir, env: { ADMIN_TOKEN } });
    expect(second.key).toBe(first.key);
    expect(pasteLines(second)).toEqual(pasteLines(first).slice(0, 2));
    expect(await countOf(second.url, '/cost_centers')).toBe(1);
    expect(await countOf(second.url, '/cost_centers/platform-squad/keys')).toBe(1);
    expect(await countOf(second.url, '/cost_centers/platform-squad/policies')).toBe(1);
    expect(await teamDay(second.url)).toMatchObject({ settled_usd: '0.00' });
    await second.end('SIGTERM');
  });

  test('started after a kill -9 it ends the workerd that was left, and works', async () => {
    const killed = await startGatewayProcess({ stateDir, env: { ADMIN_TOKEN } });
    const orphan = killed.workerdPid();
    await killed.end('SIGKILL');
    expect(isRunning(orphan)).toBe(true);
    const next = await startGatewayProcess({ stateDir, env: { ADMIN_TOKEN } });
    expect(isRunning(orphan)).toBe(false);
    expect(await countOf(next.url, '/cost_centers')).toBe(1);
    await next.end('SIGINT');
  });
});

describe('npm start with a wrong environment', () => {
  test.each([
    [{ PORT: 'abc' }, 'PORT: expected a port number'],
    [{ PORT: '70000' }, 'PORT: expected a port number'],
    [{ ADMIN_TOKEN: 'short' }, 'ADMIN_TOKEN: expected at least 16 characters'],
    [{ ANTHROPIC_UPSTREAM_URL: 'ftp://x' }, 'ANTHROPIC_UPSTREAM_URL: expected an http or https address'],
  ])('%j is refused by name', async (env, message) => {
    const failed = await runFailingStart({ stateDir, env });
    expect(failed).toMatchObject({ code: 1, error: expect.stringContaining(message) });
  });

  test('a port that is taken is refused in a sentence', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => {
        const address = other.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const failed = await runFailingStart({ stateDir, env: { PORT: String(port) } });
    other.close();
    expect(failed).toMatchObject({
      code: 1,
      error: expect.stringContaining(`Port ${port} on 127.0.0.1 is taken`),
    });
  });
});

async function countOf(url: string, path: string): Promise<number> {
  const reply = await connectAdminApi(new URL(url), ADMIN_TOKEN).get(path);
  return expectReply(reply, 200, z.object({ data: z.array(z.unknown()) })).data.length;
}
