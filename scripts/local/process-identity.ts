/**
 * Whether a process is still the one that was meant. A pid alone is reused; a pid with the time the process
 * started and the program it runs is not.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** A text that names the running process `pid` for good, or null where there is none (or not ours to see). */
export function identifyProcess(pid: number): string | null {
  return process.platform === 'linux' ? identifyByProc(pid) : identifyByPs(pid);
}

function identifyByProc(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command stands in brackets and may hold anything: count the fields after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    const startedTicks = fields[19];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${startedTicks} ${readlinkSync(`/proc/${pid}/exe`)}`;
  } catch {
    return null;
  }
}

function identifyByPs(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-p', String(pid), '-o', 'lstart=,comm='], { encoding: 'utf8' }).trim();
    return line === '' ? null : line;
  } catch {
    return null;
  }
}
