/** Runs a script again in a network namespace that has only loopback, where the machine allows one. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** As root a namespace of its own; else with a user namespace around it. */
const WAYS = [
  ['unshare', '-n'],
  ['unshare', '-r', '-n'],
] as const;

/** True inside: nothing but loopback can be reached. */
export function isLoopbackOnly(): boolean {
  const interfaces = readFileSync('/proc/net/dev', 'utf8').trim().split('\n').slice(2);
  return interfaces.every((line) => line.trim().startsWith('lo:'));
}

/** The exit code of `script` run inside; null where no way works. */
export function runInSandbox(script: string, args: readonly string[]): number | null {
  const way = WAYS.find(([command, ...options]) =>
    works(command, [...options, 'ip', 'link', 'set', 'lo', 'up']),
  );
  if (way === undefined) return null;
  const [command, ...options] = way;
  const inside = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath, script, ...args];
  return spawnSync(command, [...options, ...inside], { stdio: 'inherit' }).status ?? 1;
}

function works(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
