/**
 * The settings of Claude Code that point it at this gateway, as `/managed/settings` and `/setup` give them: the shape
 * of `~/.claude/settings.json`. There is no key in them.
 */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';

/** Lines of models that Claude Code has a name for. */
const NAMED_LINES = ['opus', 'sonnet', 'haiku', 'fable'];
/** A hook that takes longer is given up by the client; the script itself gives up after one second. */
const HOOK_TIMEOUT_SECONDS = 5;
/** The line is made anew this often besides where something happens: colleagues spend too. */
const STATUS_LINE_SECONDS = 30;
const HOOK_EVENTS = ['SessionStart', 'UserPromptSubmit', 'Stop'] as const;

interface Hook {
  hooks: { type: 'command'; command: string; timeout: number }[];
}

export interface ClientSettings {
  env: Record<string, string>;
  statusLine: { type: 'command'; command: string; refreshInterval: number };
  hooks: Record<string, Hook[]>;
}

/** Runs a script of `/setup` where it is there, and is silent where it is not. */
function commandOf(script: string): string {
  const path = `\${CLAUDE_CONFIG_DIR:-$HOME/.claude}/bursar/${script}`;
  return `[ ! -r "${path}" ] || sh "${path}"`;
}

/** The model that each name of the client's stands for: the first of the cascade of that line. */
function modelNames(cascade: readonly string[]): Record<string, string> {
  const names: Record<string, string> = {};
  for (const id of cascade) {
    const line = findModel(builtinCatalogue, id)?.line;
    if (line === undefined || !NAMED_LINES.includes(line)) continue;
    names[`ANTHROPIC_DEFAULT_${line.toUpperCase()}_MODEL`] ??= id;
  }
  return names;
}

/** `url`: where the gateway is, no slash at the end; `cascade`: the models in force, dearest first. */
export function clientSettings(url: string, cascade: readonly string[]): ClientSettings {
  const hook: Hook = {
    hooks: [{ type: 'command', command: commandOf('hook.sh'), timeout: HOOK_TIMEOUT_SECONDS }],
  };
  return {
    env: {
      ANTHROPIC_BASE_URL: url,
      CLAUDE_CODE_USE_GATEWAY: '1',
      CLAUDE_CODE_GATEWAY_HINT_HEADERS: '1',
      ...modelNames(cascade),
    },
    statusLine: {
      type: 'command',
      command: commandOf('statusline.sh'),
      refreshInterval: STATUS_LINE_SECONDS,
    },
    hooks: Object.fromEntries(HOOK_EVENTS.map((event) => [event, [hook]])),
  };
}
