/** Which workerd serves this process: Miniflare does not tell, but Node tells of every process that is started. */
import { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';

/** `onWorkerd` is told the pid of every workerd as it starts: the first, and one after a crash. */
export function watchForWorkerd(onWorkerd: (pid: number) => void): void {
  subscribe('child_process', (message) => {
    const child = message instanceof Object && 'process' in message ? message.process : null;
    if (!(child instanceof ChildProcess)) return;
    child.once('spawn', () => {
      if (child.pid !== undefined && child.spawnfile.includes('workerd')) onWorkerd(child.pid);
    });
  });
}
