import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
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

  test('keeps the demo from writing beside it', async () => {
    const { code, error } = await writeDay();
    expect(code).toBe(1);
    expect(error).toMatch(/running already \(process \d+\)[\s\S]*while no gateway runs/);
  });
});

const list = z.object({ data: z.array(z.unknown()) });
const costCenter = z.looseObject({ live_policy_version: z.number().nullable() });
const entries = z.object({
  data: z.array(z.looseObject({ provider: z.string(), kind: z.string(), charged_nano_usd: z.number() })),
});
