/** One run of the real client in print mode, as on a machine that has never seen it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const resultSchema = z.looseObject({
  is_error: z.boolean(),
  result: z.string(),
  num_turns: z.number(),
  session_id: z.string(),
});

export interface ClientRun {
  executable: string;
  /** Where its home and its working folder are made. */
  scratch: string;
  baseUrl: string;
  key: string;
  prompt: string;
  flags?: readonly string[];
  env?: Record<string, string>;
}

export interface ClientResult extends z.infer<typeof resultSchema> {
  exitCode: number | null;
  /** The folder it worked in. */
  folder: string;
}

const PATIENCE_MS = 60_000;

/** Runs it to its end, with a fresh home and nothing of this process's environment; throws where it says nothing. */
export async function runClient(run: ClientRun): Promise<ClientResult> {
  const home = await mkdtemp(join(run.scratch, 'home-'));
  const folder = await mkdtemp(join(run.scratch, 'work-'));
  const child = spawn(run.executable, ['-p', run.prompt, '--output-format', 'json', ...(run.flags ?? [])], {
    cwd: folder,
    env: {
      ...cleanEnvironment(home),
      ANTHROPIC_BASE_URL: run.baseUrl,
      ANTHROPIC_AUTH_TOKEN: run.key,
      ...run.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  await once(child, 'close');
  if (output === '') throw new Error(`Claude Code said nothing (exit ${child.exitCode}): ${errors}`);
  return { ...resultSchema.parse(JSON.parse(output)), exitCode: child.exitCode, folder };
}

/** All that the client sees of its environment, on a machine that has never seen it. */
export function cleanEnvironment(home: string): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: home,
    CLAUDE_CONFIG_DIR: join(home, '.claude'),
    LANG: 'C.UTF-8',
    TERM: 'xterm-256color',
    DISABLE_AUTOUPDATER: '1',
    DISABLE_TELEMETRY: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    // Lets it run tools without asking although this may be root: nothing but loopback is there to be reached.
    IS_SANDBOX: '1',
  };
}
