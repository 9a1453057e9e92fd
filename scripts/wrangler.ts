/**
 * Wrangler's command line as the scripts use it: the project's own version, no telemetry, no question that
 * waits for an answer. What it would print is held back and shown only where it fails.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { err, ok, type Result } from '../durable-objects/core/result.ts';
import { projectPath } from './project.ts';

export interface WranglerOptions {
  /** `inherit` gives it this terminal (a login, a question); `capture` returns what it wrote. */
  output: 'inherit' | 'capture';
}

/** Keeps wrangler and Miniflare from the network: no telemetry, no look-up of the request's place. */
export const OFFLINE = { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' } as const;

/**
 * Runs `wrangler …args` in the project's root. The error is all that wrangler wrote. A wrangler that still
 * runs when this process exits is ended with it.
 */
export function runWrangler(
  args: readonly string[],
  options: WranglerOptions,
): Promise<Result<string, string>> {
  const packageFile = createRequire(import.meta.url).resolve('wrangler/package.json');
  const child = spawn(process.execPath, [join(dirname(packageFile), 'bin/wrangler.js'), ...args], {
    cwd: projectPath(''),
    env: { ...process.env, ...OFFLINE },
    stdio: options.output === 'inherit' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  });
  const end = () => child.kill('SIGTERM');
  process.once('exit', end);
  let written = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    written += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    written += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(err(`wrangler could not be started: ${error.message}`)));
    child.once('close', (code) => {
      process.off('exit', end);
      resolve(code === 0 ? ok(written) : err(written || `wrangler ended with exit code ${code}`));
    });
  });
}
