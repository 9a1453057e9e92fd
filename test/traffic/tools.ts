/** The tools that Claude Code offers, by name, and which of them an answer calls. */
import type { Random } from './random.ts';

export const MAIN_TOOLS: string[] = [
  'Task',
  'Bash',
  'Glob',
  'Grep',
  'Read',
  'Edit',
  'Write',
  'NotebookEdit',
  'WebFetch',
  'TodoWrite',
  'WebSearch',
  'BashOutput',
  'KillShell',
  'ExitPlanMode',
];
export const AGENT_TOOLS: string[] = ['Bash', 'Glob', 'Grep', 'Read', 'WebFetch', 'TodoWrite'];

/** How often each is the one called. */
const CALLED = [
  [['Bash'], 30],
  [['Read'], 25],
  [['Edit'], 20],
  [['Grep'], 8],
  [['Read', 'Read'], 6],
  [['Grep', 'Glob'], 4],
  [['Write'], 4],
  [['TodoWrite'], 3],
] as const;
const CALLED_BY_AGENTS = [
  [['Grep'], 30],
  [['Read'], 30],
  [['Bash'], 20],
  [['Read', 'Read', 'Read'], 12],
  [['Glob'], 8],
] as const;

export function someTools(random: Random): string[] {
  return [...random.weighted<readonly string[]>(CALLED)];
}

export function someAgentTools(random: Random): string[] {
  return [...random.weighted<readonly string[]>(CALLED_BY_AGENTS)];
}
