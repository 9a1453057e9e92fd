/** The real client in a terminal of its own (tmux), as a developer sits at it: typed to, and read off the screen. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanEnvironment } from './claude-code.ts';
import { CLIENT_VERSION } from './install.ts';

const PATIENCE_MS = 40_000;
const LOOK_EVERY_MS = 200;

export interface TerminalRun {
  executable: string;
  scratch: string;
  /** Its home, with its settings in `.claude`. */
  home: string;
  env?: Record<string, string>;
}

export interface Terminal {
  /** Types a line and Enter. */
  type(line: string): Promise<void>;
  /** Presses a key by tmux's name for it. */
  press(key: string): void;
  /** The screen once it shows all of this; throws with the screen where it doesn't come to. */
  shows(...expected: RegExp[]): Promise<string>;
  /** The screen as it is, without empty lines. */
  screen(): string;
  close(): void;
}

/** Starts the client; it answers once `shows` has seen its prompt. */
export async function openTerminal({ executable, scratch, home, env = {} }: TerminalRun): Promise<Terminal> {
  const folder = await mkdtemp(join(scratch, 'work-'));
  await skipOnboarding(home, folder);
  const socket = `bursar-${process.pid}-${folder.slice(-6)}`;
  const environment = { ...cleanEnvironment(home), ...env };
  const pairs = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-L', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });
  tmux('new-session', '-d', '-x', '140', '-y', '50', '-c', folder, 'env', '-i', ...pairs, executable);
  const screen = (): string =>
    tmux('capture-pane', '-p')
      .split('\n')
      .map((line) => line.trimEnd())
      .filter((line) => line !== '')
      .join('\n');
  const shows = async (...expected: RegExp[]): Promise<string> => {
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_EVERY_MS) {
      const shown = screen();
      if (expected.every((each) => each.test(shown))) return shown;
      await delay(LOOK_EVERY_MS);
    }
    throw new Error(`the terminal does not show ${expected.join(' and ')}:\n${screen()}`);
  };
  return {
    async type(line) {
      tmux('send-keys', '-l', line);
      // Enter in the same breath as the text would be taken for part of what is pasted.
      await shows(new RegExp(line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
      tmux('send-keys', 'Enter');
    },
    press: (key) => void tmux('send-keys', key),
    shows,
    screen,
    close: () => void tmux('kill-server'),
  };
}

/** What the client asks on its first day: theme, trust in the folder. */
async function skipOnboarding(home: string, folder: string): Promise<void> {
  const trusted = { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true, allowedTools: [] };
  const state = {
    hasCompletedOnboarding: true,
    lastOnboardingVersion: CLIENT_VERSION,
    theme: 'dark',
    numStartups: 5,
    hasSeenAutoDefaultNotice: true,
    projects: { [folder]: trusted },
  };
  await mkdir(join(home, '.claude'), { recursive: true });
  await writeFile(join(home, '.claude', '.claude.json'), JSON.stringify(state));
}
