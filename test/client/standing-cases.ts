/**
 * What a developer sees of their budget in the terminal, set up by the gateway's own script: in gateway mode and with
 * a plain base URL.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Bed, Case } from './cases.ts';
import { makeTeam, type Team } from './team.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const MODES = [
  { mode: 'gateway mode', isGateway: true },
  { mode: 'a plain base URL', isGateway: false },
];

const IN_EACH_MODE: readonly Case[] = MODES.flatMap(({ mode, isGateway }, index) => [
  {
    name: `the status line tells what is left, and at 82 % ${isGateway ? 'the warning and /usage do too' : 'nothing else does'}, with ${mode}`,
    async run(bed: Bed) {
      const team = await makeTeam(bed.proxied, bed.upstream, {
        id: `client-warn-${index}`,
        limitUsd: '500.00',
      });
      await team.spend(410);
      await atTheTerminal(bed, team, isGateway, async (terminal) => {
        await ask(terminal, 'say hi');
        const line = new RegExp(`${team.id} 82% · \\$(?:90|89) left today`);
        const screen = await terminal.shows(/Hello\./, line);
        if (!isGateway) return void assert.doesNotMatch(screen, /You've used/);
        await terminal.shows(/You've used 82% of your/);
        await terminal.type('/usage');
        await terminal.shows(/\$410\.\d\d \/ \$500\.00 spent today/);
      });
    },
  },
  {
    name: `a step down is told once, when it happens, and stands in the status line, with ${mode}`,
    async run(bed: Bed) {
      const team = await makeTeam(bed.proxied, bed.upstream, {
        id: `client-step-${index}`,
        limitUsd: '500.00',
      });
      await team.spend(480);
      await atTheTerminal(bed, team, isGateway, async (terminal) => {
        await ask(terminal, 'say hi');
        const told = /this session was stepped down from opus-5-5 to sonnet-5-5 at \d\d:\d\d/;
        await terminal.shows(told, /team-day reached 95 %/);
        await terminal.shows(/sonnet-5-5 \(stepped down \d\d:\d\d\)/);
        await ask(terminal, 'and again');
        const screen = await terminal.shows(/and again\n● Hello\.\n✻ .* done/);
        assert.equal(screen.split('was stepped down').length - 1, 1, screen);
      });
    },
  },
  {
    name: `above 110 % the refusal stands in the terminal, and the status line says when it resets, with ${mode}`,
    async run(bed: Bed) {
      const team = await makeTeam(bed.proxied, bed.upstream, {
        id: `client-used-${index}`,
        limitUsd: '500.00',
      });
      await team.spend(560);
      await atTheTerminal(bed, team, isGateway, async (terminal) => {
        await terminal.type('say hi');
        await terminal.shows(/is used up:\s+\$560\.00 of \$500\.00 spent today/, /112% · used up · resets/);
      });
    },
  },
]);

/** A budget may be passed before it pauses: what the client reads must not make it believe that it is blocked. */
const OVER_THE_LIMIT: Case = {
  name: 'at 104 % turns go on, and /usage says what is over, in gateway mode',
  async run(bed) {
    const team = await makeTeam(bed.proxied, bed.upstream, { id: 'client-over', limitUsd: '500.00' });
    await team.spend(520);
    await atTheTerminal(bed, team, true, async (terminal) => {
      await ask(terminal, 'say hi');
      await terminal.shows(/You've used 99% of your/, /client-over 104% · \$20 over today/);
      await terminal.type('/usage');
      await terminal.shows(/104% used/, /\$520\.\d\d \/ \$500\.00 spent today/);
    });
  },
};

export const STANDING_CASES: readonly Case[] = [...IN_EACH_MODE, OVER_THE_LIMIT];

async function ask(terminal: Terminal, prompt: string): Promise<void> {
  await terminal.type(prompt);
  await terminal.shows(/Hello\./);
}

/** Sets a fresh home up with the gateway's script, opens the client in it and closes it at the end. */
async function atTheTerminal(
  { executable, scratch, proxied, upstream }: Bed,
  team: Team,
  isGateway: boolean,
  look: (terminal: Terminal) => Promise<void>,
): Promise<void> {
  upstream.answerWith(() => ({ kind: 'text', text: 'Hello.' }));
  const home = await mkdtemp(join(scratch, 'home-'));
  await setUp(proxied.url, team.key, home, isGateway);
  const env = { ANTHROPIC_MODEL: 'claude-opus-5-5', TMPDIR: home };
  const terminal = await openTerminal({ executable, scratch, home, env });
  try {
    await terminal.shows(/❯/);
    await look(terminal);
  } finally {
    terminal.close();
  }
}

const settingsSchema = z.looseObject({ env: z.record(z.string(), z.string()) });

/** As a developer does it: loads the script, reads it, runs it. */
async function setUp(url: string, key: string, home: string, isGateway: boolean): Promise<void> {
  const script = join(home, 'setup.sh');
  await writeFile(script, await (await fetch(`${url}/setup.sh`)).text());
  const env = { PATH: process.env.PATH ?? '', HOME: home, ANTHROPIC_AUTH_TOKEN: key };
  execFileSync('sh', [script, '--yes'], { env });
  if (isGateway) return;
  const file = join(home, '.claude', 'settings.json');
  const settings = settingsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  delete settings.env.CLAUDE_CODE_USE_GATEWAY;
  await writeFile(file, JSON.stringify(settings));
}
