/**
 * `npm run test:client`: the real Claude Code through the real gateway, in print mode and in a terminal, against the
 * simulator and a fake upstream. Installs the client where it is missing, then leaves the network where the machine lets
 * it. Ends with "N passed, N failed", exit code 1 where one failed. About three minutes after the installation. A machine
 * without tmux has no terminal to show the client in: it runs the cases in print mode, and says what it left out.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startFakeUpstream } from '../process/fake-upstream.ts';
import { type GatewayProcess, startGatewayProcess } from '../process/gateway-process.ts';
import { BEDROCK_CASES } from './bedrock-cases.ts';
import { CASCADE_CASES } from './cascade-cases.ts';
import { type Bed, CASES as PLAIN_CASES } from './cases.ts';
import { INCREASE_CASES } from './increase-cases.ts';
import { installClient } from './install.ts';
import { isLoopbackOnly, runInSandbox } from './sandbox.ts';
import { STANDING_CASES } from './standing-cases.ts';

const INSIDE = '--inside';
const ADMIN_TOKEN = 'client-test-admin-token';
const PATIENCE_MS = 10 * 60_000;
/** With words behind it, `npm run test:client -- status line` runs the cases whose names have them all. */
const WORDS = process.argv.slice(2).filter((word) => word !== INSIDE);
const HAS_TERMINAL = spawnSync('tmux', ['-V']).status === 0;
const CASES = [
  ...PLAIN_CASES,
  ...INCREASE_CASES,
  ...BEDROCK_CASES,
  ...(HAS_TERMINAL ? STANDING_CASES : []),
  ...CASCADE_CASES,
].filter(({ name }) => WORDS.every((word) => name.includes(word)));

process.exitCode = process.argv.includes(INSIDE) ? await runCases() : await enter();

/** Installs while there is a network, then runs this file again without one. */
async function enter(): Promise<number> {
  installClient();
  if (isLoopbackOnly()) return runCases();
  const code = runInSandbox(fileURLToPath(import.meta.url), [INSIDE, ...WORDS]);
  if (code !== null) return code;
  process.stdout.write('No network namespace can be made here: the client runs with the network it finds.\n');
  return runCases();
}

async function runCases(): Promise<number> {
  setTimeout(() => {
    process.stdout.write(`Not done after ${PATIENCE_MS / 1000} s\n`);
    process.exit(1);
  }, PATIENCE_MS).unref();
  process.stdout.write(
    isLoopbackOnly() ? 'Only loopback can be reached.\n' : 'The network can be reached.\n',
  );
  const executable = installClient();
  const upstream = await startFakeUpstream();
  const scratch = await mkdtemp(join(tmpdir(), 'bursar-client-test-'));
  const gateways = await Promise.all([
    startGatewayProcess({ stateDir: join(scratch, 'simulated'), env: { ADMIN_TOKEN } }),
    startGatewayProcess({
      stateDir: join(scratch, 'proxied'),
      env: { ADMIN_TOKEN, ANTHROPIC_UPSTREAM_URL: upstream.url },
    }),
  ]);
  const [simulated, proxied] = gateways.map(({ url, key }) => ({ url, key, adminToken: ADMIN_TOKEN }));
  if (simulated === undefined || proxied === undefined) throw new Error('two gateways were started');
  const failed = await runEach({ executable, scratch, simulated, proxied, upstream }, gateways);
  await Promise.all(gateways.map((gateway) => gateway.end('SIGINT')));
  await upstream.close();
  await rm(scratch, { recursive: true, force: true });
  if (!HAS_TERMINAL) {
    process.stdout.write(
      `tmux is not installed: ${STANDING_CASES.length} cases in a terminal were not run.\n`,
    );
  }
  process.stdout.write(`${CASES.length - failed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

async function runEach(bed: Bed, gateways: readonly GatewayProcess[]): Promise<number> {
  let failed = 0;
  for (const { name, run } of CASES) {
    const begun = performance.now();
    const problem = await run(bed).then(
      () => null,
      (error: unknown) => error,
    );
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    process.stdout.write(`${problem === null ? 'passed' : 'FAILED'}  ${name} (${seconds} s)\n`);
    if (problem === null) continue;
    failed += 1;
    const detail = problem instanceof Error ? (problem.stack ?? problem.message) : String(problem);
    process.stdout.write(`${detail}\n${gateways.map((gateway) => gateway.log()).join('')}\n`);
  }
  return failed;
}
