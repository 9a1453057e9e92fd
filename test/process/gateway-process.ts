/** `scripts/start.ts` as a person runs it: a process of its own, with a state folder and a port of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { identifyProcess } from '../../scripts/local/process-identity.ts';
import { projectPath } from '../../scripts/project.ts';

export interface GatewayProcess {
  pid: number;
  url: string;
  /** The demo key, as the banner shows it. */
  key: string;
  /** All it has written to stdout; the banner is there when this object is. */
  output(): string;
  /** All it has written to stderr: the Worker's log. */
  log(): string;
  /** Ends it with `signal` and resolves to its exit code, null after a signal it did not handle. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** The pid of the workerd it runs. */
  workerdPid(): number;
}

export interface GatewayProcessOptions {
  stateDir: string;
  env?: Record<string, string>;
}

const READY_WITHIN_MS = 60_000;

/** Starts it and waits for its banner; throws with what it wrote where it ends before that. */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const child = spawnStart(options);
  const { pid } = child;
  if (pid === undefined) throw new Error('the gateway could not be started');
  const { output, log } = collect(child);
  const exited = once(child, 'exit');
  await untilReady(child, output, log);
  return {
    pid,
    url: find(output(), /ANTHROPIC_BASE_URL=(\S+)/),
    key: find(output(), /ANTHROPIC_AUTH_TOKEN=(\S+)/),
    output,
    log,
    async end(signal) {
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
    workerdPid() {
      const record = JSON.parse(readFileSync(join(options.stateDir, 'bursar-run.json'), 'utf8'));
      return z.object({ workerd: z.object({ pid: z.number() }) }).parse(record).workerd.pid;
    },
  };
}

/** Whether a process runs (a zombie that nobody has waited for yet does not). */
export function isRunning(pid: number): boolean {
  return identifyProcess(pid) !== null;
}

/** Runs it where it is expected to give up: resolves to its exit code and what it wrote to stderr. */
export async function runFailingStart(
  options: GatewayProcessOptions,
): Promise<{ code: number | null; error: string }> {
  const child = spawnStart(options);
  const { log } = collect(child);
  await once(child, 'close');
  return { code: child.exitCode, error: log() };
}

function spawnStart({ stateDir, env }: GatewayProcessOptions): ChildProcess {
  const { PATH, HOME, TMPDIR } = process.env;
  return spawn(process.execPath, [projectPath('scripts/start.ts')], {
    cwd: projectPath(''),
    env: { PATH, HOME, TMPDIR, PORT: '0', BURSAR_STATE_DIR: stateDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function collect(child: ChildProcess): { output: () => string; log: () => string } {
  let output = '';
  let log = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  return { output: () => output, log: () => log };
}

async function untilReady(child: ChildProcess, output: () => string, log: () => string): Promise<void> {
  const patience = AbortSignal.timeout(READY_WITHIN_MS);
  const ended = once(child, 'exit', { signal: patience }).then(() => 'ended' as const);
  while (!output().includes('Ctrl-C')) {
    const written = child.stdout === null ? ended : once(child.stdout, 'data', { signal: patience });
    if ((await Promise.race([written, ended])) === 'ended') throw new Error(`the gateway ended: ${log()}`);
  }
  ended.catch(() => undefined);
}

function find(text: string, pattern: RegExp): string {
  const match = pattern.exec(text)?.[1];
  if (match === undefined) throw new Error(`no ${pattern} in: ${text}`);
  return match;
}
