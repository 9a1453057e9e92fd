/** The real Claude Code, in a cache outside the project: it is no dependency of Bursar's. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const CLIENT_VERSION = '2.1.330';

/** The path of the client's executable; installs it where the cache has none (npm, about 360 MB, once a machine). */
export function installClient(): string {
  const cache = process.env.BURSAR_CLIENT_DIR ?? join(tmpdir(), `bursar-client-${CLIENT_VERSION}`);
  const native = `@anthropic-ai/claude-code-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`;
  const executable = join(cache, 'node_modules', native, 'claude');
  if (!existsSync(executable)) {
    process.stdout.write(`Installing Claude Code ${CLIENT_VERSION} into ${cache}\n`);
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(cache, 'package.json'), '{"private":true}\n');
    const packages = [`@anthropic-ai/claude-code@${CLIENT_VERSION}`, `${native}@${CLIENT_VERSION}`];
    const options = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts'];
    execFileSync('npm', ['install', ...options, ...packages], { cwd: cache, stdio: 'inherit' });
  }
  const version = execFileSync(executable, ['--version'], { encoding: 'utf8' }).trim();
  if (!version.startsWith(CLIENT_VERSION))
    throw new Error(`${executable} is ${version}, not ${CLIENT_VERSION}`);
  return executable;
}
