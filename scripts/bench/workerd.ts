/** Plain workerd processes for the measurements: started from a configuration, read for CPU and memory. Linux only. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';

/** Kernel ticks a second, as /proc counts CPU time: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface WorkerdProcess {
  name: string;
  url: string;
  /** CPU time used since the start, user and system, in ms; steps of 10 ms. */
  cpuMs(): number;
  /** Resident memory in bytes. */
  residentBytes(): number;
  stop(): Promise<void>;
}

/** Runs `workerd serve` with `config` (cap'n proto text; sockets named "http") in `folder`; resolves once it listens. */
export async function startWorkerd(name: string, folder: string, config: string): Promise<WorkerdProcess> {
  await mkdir(join(folder, 'storage'), { recursive: true });
  const file = join(folder, 'config.capnp');
  await writeFile(file, config);
  const child = spawn(
    workerdBinary(),
    ['serve', file, '--experimental', '--socket-addr=http=127.0.0.1:0', '--control-fd=3'],
    { cwd: folder, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] },
  );
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const port = await Promise.race([listenedPort(child.stdio[3]), exited.then(() => null)]);
  const { pid } = child;
  if (port === null || pid === undefined) throw new Error(`workerd for ${name} did not start`);
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    cpuMs: () => cpuMs(pid),
    residentBytes: () => residentBytes(pid),
    async stop() {
      end();
      await exited;
      process.off('exit', end);
    },
  };
}

/** workerd's own binary: the package's command is a Node script in front of it. */
function workerdBinary(): string {
  const require = createRequire(import.meta.url);
  const manifest = createRequire(require.resolve('wrangler/package.json')).resolve('workerd/package.json');
  const machine = process.arch === 'arm64' ? 'arm64' : '64';
  const platform = `@cloudflare/workerd-linux-${machine}/package.json`;
  return join(dirname(createRequire(manifest).resolve(platform)), 'bin/workerd');
}

/** workerd tells of each socket on its control pipe, a JSON object a line. */
async function listenedPort(control: unknown): Promise<number> {
  if (!(control instanceof Readable)) throw new Error('no control pipe');
  let text = '';
  for await (const chunk of control) {
    text += chunk;
    const match = /"socket":"http","port":(\d+)/.exec(text);
    if (match) return Number(match[1]);
  }
  throw new Error('workerd closed its control pipe');
}

/** CPU time of a process since its start, user and system, in ms; steps of 10 ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? Number.NaN) * 1024;
}
