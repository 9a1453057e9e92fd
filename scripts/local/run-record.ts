/**
 * One running gateway a state folder. The record names the process that runs it and its workerd, so that a
 * second start is told of the first, and so that a start after a `kill -9` ends the workerd which that left
 * behind: two of them on the same SQLite files would get into each other's way.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import { identifyProcess } from './process-identity.ts';

const known = z.object({ pid: z.number().int().positive(), identity: z.string() });
const schema = z.object({ start: known, workerd: known.nullable() });
type Known = z.infer<typeof known>;

const END_WITHIN_MS = 5_000;

export interface RunRecord {
  /** Remembers the workerd that serves this run now. */
  noteWorkerd(pid: number): void;
  /** To be called at exit: synchronous. */
  remove(): void;
}

/** Takes the folder for this process. The error says who holds it. */
export async function takeStateDir(stateDir: string): Promise<Result<RunRecord, string>> {
  const file = join(stateDir, 'bursar-run.json');
  const previous = readRecord(file);
  if (previous !== null) {
    if (isRunning(previous.start)) {
      return err(
        `A gateway with the state in ${stateDir} is running already (process ${previous.start.pid}). Stop it first, or give this one another BURSAR_STATE_DIR.`,
      );
    }
    if (previous.workerd !== null && !(await end(previous.workerd))) {
      return err(
        `The workerd of an earlier start (process ${previous.workerd.pid}) does not end. Stop it first.`,
      );
    }
  }
  const start = know(process.pid);
  let workerd: Known | null = null;
  const write = () => writeFileSync(file, JSON.stringify({ start, workerd }));
  mkdirSync(stateDir, { recursive: true });
  write();
  return ok({
    noteWorkerd(pid) {
      workerd = know(pid);
      write();
    },
    remove() {
      rmSync(file, { force: true });
    },
  });
}

function readRecord(file: string): z.infer<typeof schema> | null {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // Missing, or torn by the very kill it is there for: nothing is known of an earlier run.
    return null;
  }
}

function know(pid: number): Known {
  return { pid, identity: identifyProcess(pid) ?? '' };
}

function isRunning(one: Known): boolean {
  return one.pid !== process.pid && identifyProcess(one.pid) === one.identity;
}

async function end(one: Known): Promise<boolean> {
  const deadline = Date.now() + END_WITHIN_MS;
  while (isRunning(one)) {
    if (Date.now() > deadline) return false;
    process.kill(one.pid, 'SIGKILL');
    await pause(20);
  }
  return true;
}
