/** The scripts of `/setup` as they are served, run by sh against a gateway that a test plays. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { projectPath } from '../../scripts/project.ts';

export const KEY = 'bk_squad.k0123456789abcdef01234567.1_abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE';

function part(name: string): string {
  return readFileSync(projectPath(`worker/console/scripts/${name}.sh`), 'utf8');
}

/** The text of a script as a gateway at `url` serves it. */
export function served(script: 'statusline' | 'hook' | 'setup', url = ''): string {
  return script === 'setup' ? part('setup').replace('@BURSAR_URL@', url) : part('asking') + part(script);
}

export interface FakeGateway {
  url: string;
  asked: { path: string; headers: IncomingMessage['headers'] }[];
}

/** Answers by `answer` until the test is over. */
export async function fakeGateway(
  answer: (response: ServerResponse, path: string) => void,
): Promise<FakeGateway> {
  const asked: FakeGateway['asked'] = [];
  const server = createServer((incoming, response) => {
    asked.push({ path: incoming.url ?? '', headers: incoming.headers });
    answer(response, incoming.url ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    asked,
  };
}

/** A folder of the test's own. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bursar-shell-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Run {
  code: number | null;
  output: string;
  errors: string;
  ms: number;
}

/** Runs a script in a session of its own, without a terminal; `env` is all it sees beside the path. */
export async function runScript(
  text: string,
  { args = [], env = {}, input = '' }: { args?: string[]; env?: Record<string, string>; input?: string },
): Promise<Run> {
  const file = join(scratch(), 'script.sh');
  writeFileSync(file, text);
  const begun = performance.now();
  const path = '/usr/local/bin:/usr/bin:/bin';
  const child = spawn('sh', [file, ...args], { env: { PATH: path, ...env }, detached: true });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  // A script that gave up before it read anything.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  await once(child, 'close');
  return { code: child.exitCode, output, errors, ms: performance.now() - begun };
}
