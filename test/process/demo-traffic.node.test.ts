import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connectAdminApi, expectReply } from '../../scripts/local/admin-api.ts';
import { projectPath } from '../../scripts/project.ts';
import { ADMIN_TOKEN } from './demo-ledger.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';

/** The end of a Saturday, when few people work. */
const UNTIL = '2026-11-15T00:00:00Z';
const SQUADS = ['checkout-squad', 'data-squad', 'mobile-squad', 'search-squad', 'support-squad'];

let stateDir: string;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'bursar-demo-traffic-'));
});
afterAll(() => rm(stateDir, { recursive: true, force: true }));

interface Ended {
  code: number;
  output: string;
  error: string;
}

function runDemo(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const { PATH, HOME, TMPDIR } = process.env;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [projectPath('scripts/demo-traffic.ts'), ...args],
      { cwd: projectPath(''), env: { PATH, HOME, TMPDIR, BURSAR_STATE_DIR: stateDir, ...env } },
      (_, output, error) => resolve({ code: child.exitCode ?? -1, output, error }),
    );
  });
}

function writeDay(): Promise<Ended> {
  return runDemo(['--days', '1', '--until', UNTIL]);
}

const DAY =
  /^1 days of traffic, seed 1, until 2026-11-15T00:00:00.000Z: (\d+) entries, \$(\d+)\.\n(\d+) of them are new/;

describe('npm run demo:traffic', () => {
  test('writes a day to the ledger', async () => {
    const { code, output, error } = await writeDay();
    expect({ code, error }).toEqual({ code: 0, error: '' });
    const [, entries, usd, added] = DAY.exec(output) ?? [];
    expect(Number(entries)).toBeGreaterThan(300);
    expect(Number(usd)).toBeGreaterThan(10);
    expect(added).toBe(entries);
  });

  test('adds nothing the second time', async () => {
    const { output } = await writeDay();
    expect(DAY.exec(output)?.[3]).toBe('0');
  });

  test.each([
    [['--days', '0'], '--days'],
    [['--until', 'yesterday'], '--until: expected an instant'],
    [['--play', 'ftp://x'], '--play: expected an http or https address'],
    [['--weeks', '2'], "Unknown option '--weeks'"],
    [['--play', 'http://127.0.0.1:1'], 'ADMIN_TOKEN is not set'],
  ])('refuses %j by name', async (args, message) => {
    expect(await runDemo(args)).toMatchObject({ code: 1, error: expect.stringContaining(message) });
  });
});

test('turns that are paid for are not sent unasked', async () => {
  const other = createServer((_, response) => response.end('{"status":"ok","provider":"anthropic"}'));
  await once(other.listen(0, '127.0.0.1'), 'listening');
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : null;
  const { code, error } = await runDemo(['--play', `http://127.0.0.1:${port}`], { ADMIN_TOKEN });
  other.close();
  expect({ code, error }).toMatchObject({
    code: 1,
    error: expect.stringContaining('turns would be paid for'),
  });
});

describe('a gateway started on that state', () => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await startGatewayProcess({ stateDir, env: { ADMIN_TOKEN } });
  });
  afterAll(() => gateway.end('SIGINT'));

  const api = () => connectAdminApi(new URL(gateway.url), ADMIN_TOKEN);

  test('shows the entries, each with its price', async () => {
    const { data } = expectReply(await api().get('/ledger?limit=1000'), 200, entries);
    expect(data.length).toBeGreaterThan(300);
    expect(new Set(data.map((entry) => entry.provider))).toEqual(new Set(['demo']));
    expect(data.filter((entry) => entry.kind === 'charge' && entry.charged_nano_usd <= 0)).toEqual([]);
  });

  test.each(SQUADS)('has %s with a live policy and twelve keys', async (id) => {
    const center = expectReply(await api().get(`/cost_centers/${id}`), 200, costCenter);
    expect(center.live_policy_version).toBe(1);
    expect(expectReply(await api().get(`/cost_centers/${id}/keys`), 200, list).data).toHaveLength(12);
  });

  test('is sent turns, decides on each and charges them', async () => {
    const { code, output } = await runDemo(['--play', gateway.url, '--turns', '12'], { ADMIN_TOKEN });
    expect(code).toBe(0);
    expect(output).toMatch(/^all +12 +12 +0 +0 +0 +0 +\$\d+\.\d\d$/m);
    expect(output).toMatch(/^claude-\S+ → claude-\S+ +\d+$/m);
    expect(output).not.toContain('not in the ledger');
  });

  test('has the keys of that revoked', async () => {
    const keysOf = async (id: string) =>
      expectReply(await api().get(`/cost_centers/${id}/keys`), 200, keys).data;
    const all = (await Promise.all(SQUADS.map(keysOf))).flat();
    const played = all.filter(({ name }) => name === 'demo:traffic --play');
    expect(played.length).toBeGreaterThan(0);
    expect(played.filter((key) => key.revoked_at === null)).toEqual([]);
  });

  test('keeps the demo from writing beside it', async () => {
    const { code, error } = await writeDay();
    expect(code).toBe(1);
    expect(error).toMatch(/running already \(process \d+\)[\s\S]*while no gateway runs/);
  });
});

const keys = z.object({
  data: z.array(z.looseObject({ name: z.string().nullable(), revoked_at: z.string().nullable() })),
});
const list = z.object({ data: z.array(z.unknown()) });
const costCenter = z.looseObject({ live_policy_version: z.number().nullable() });
const entries = z.object({
  data: z.array(z.looseObject({ provider: z.string(), kind: z.string(), charged_nano_usd: z.number() })),
});
