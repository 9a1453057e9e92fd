/** `setup.sh` under sh: what it writes, what it keeps, and when it writes nothing. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clientSettings } from '../../worker/console/settings.ts';
import { type FakeGateway, fakeGateway, KEY, runScript, scratch, served } from './shell.ts';

const OURS = clientSettings('https://bursar.example.com', ['claude-opus-5-5', 'claude-sonnet-5-5']);
const HOOK = OURS.hooks.Stop?.[0];

async function gatewayWithSettings(): Promise<FakeGateway> {
  return await fakeGateway((response, path) => {
    const file = /^\/setup\/(statusline|hook)\.sh$/.exec(path)?.[1];
    if (file === 'statusline' || file === 'hook') return void response.end(served(file));
    response.end(`${JSON.stringify(OURS, null, 2)}\n`);
  });
}

interface Machine {
  config: string;
  settings: string;
  /** Runs the script with `--yes`, or with other options, on this machine. */
  setUp(args?: string[], env?: Record<string, string>): ReturnType<typeof runScript>;
}

/** A home with these settings in it; undefined: none. `tools`: all that is installed beside what POSIX has. */
async function machine(theirs?: unknown, tools?: readonly string[]): Promise<Machine> {
  const gateway = await gatewayWithSettings();
  const config = join(scratch(), '.claude');
  const settings = join(config, 'settings.json');
  mkdirSync(config);
  if (theirs !== undefined) {
    writeFileSync(settings, typeof theirs === 'string' ? theirs : JSON.stringify(theirs), { mode: 0o644 });
  }
  const path = tools && { PATH: pathWith(tools) };
  return {
    config,
    settings,
    setUp: (args = ['--yes'], env = {}) =>
      runScript(served('setup', gateway.url), {
        args,
        env: { CLAUDE_CONFIG_DIR: config, ANTHROPIC_AUTH_TOKEN: KEY, ...path, ...env },
      }),
  };
}

const POSIX = [
  'sh',
  'awk',
  'cat',
  'chmod',
  'cmp',
  'cp',
  'curl',
  'date',
  'diff',
  'grep',
  'head',
  'mkdir',
  'mktemp',
];
const MORE_POSIX = ['mv', 'rm', 'sed'];

/** A folder with links to these programs alone. */
function pathWith(tools: readonly string[]): string {
  const folder = scratch();
  for (const tool of [...POSIX, ...MORE_POSIX, ...tools]) {
    const found = ['/usr/local/bin', '/usr/bin', '/bin'].map((at) => join(at, tool)).find(existsSync);
    const target = tool === 'node' ? process.execPath : found;
    if (target === undefined) throw new Error(`${tool} is not installed here`);
    symlinkSync(target, join(folder, tool));
  }
  return folder;
}

function json(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

const hasJq = existsSync('/usr/bin/jq') || existsSync('/usr/local/bin/jq');
const MERGERS = [['node'], ...(hasJq ? [['jq']] : [])];

const THEIRS = {
  model: 'opus',
  apiKeyHelper: 'cat ~/old-key',
  env: { EDITOR: 'vi', ANTHROPIC_BASE_URL: 'https://old.example.com' },
  permissions: { allow: ['Bash(ls:*)'] },
  hooks: { Stop: [{ hooks: [{ type: 'command', command: 'say done' }] }], PreToolUse: [] },
};

describe.each(MERGERS)('with %s', (tool) => {
  test('a machine without settings gets ours and the key, in files that only its user can read', async () => {
    const { config, settings, setUp } = await machine(undefined, [tool]);
    expect(await setUp()).toMatchObject({ code: 0, errors: '' });
    expect(json(settings)).toEqual({ ...OURS, env: { ...OURS.env, ANTHROPIC_AUTH_TOKEN: KEY } });
    expect(readFileSync(join(config, 'bursar/hook.sh'), 'utf8')).toBe(served('hook'));
    expect(readFileSync(join(config, 'bursar/statusline.sh'), 'utf8')).toBe(served('statusline'));
    for (const file of ['settings.json', 'bursar/hook.sh', 'bursar/statusline.sh']) {
      expect(statSync(join(config, file)).mode & 0o077).toBe(0);
    }
    expect(readdirSync(config).sort()).toEqual(['bursar', 'settings.json']);
  });

  test('what is there stays, with a copy beside it, and a second run changes nothing', async () => {
    const { config, settings, setUp } = await machine(THEIRS, [tool]);
    expect(await setUp()).toMatchObject({ code: 0, errors: '' });
    const { apiKeyHelper: _, ...kept } = THEIRS;
    const merged = {
      ...kept,
      env: { EDITOR: 'vi', ...OURS.env, ANTHROPIC_AUTH_TOKEN: KEY },
      statusLine: OURS.statusLine,
      hooks: { ...OURS.hooks, Stop: [...THEIRS.hooks.Stop, HOOK], PreToolUse: [] },
    };
    expect(json(settings)).toEqual(merged);
    expect(statSync(settings).mode & 0o077).toBe(0);
    const copies = () =>
      readdirSync(config).filter((name) => name.startsWith('settings.json.before-bursar-'));
    expect(copies().map((name) => json(join(config, name)))).toEqual([THEIRS]);
    const again = await setUp();
    expect(again).toMatchObject({ code: 0, errors: '' });
    expect(again.output).not.toContain('status line of your own');
    expect(json(settings)).toEqual(merged);
    expect(copies()).toHaveLength(1);
  });

  test('a status line of the developer’s own stays', async () => {
    const statusLine = { type: 'command', command: 'my-line' };
    const { settings, setUp } = await machine({ statusLine }, [tool]);
    expect((await setUp()).output).toContain('You have a status line of your own, and it stays.');
    expect(json(settings)).toMatchObject({ statusLine, hooks: OURS.hooks });
  });

  test('settings that are no JSON are left as they are', async () => {
    const { settings, setUp } = await machine('{"env": ', [tool]);
    const result = await setUp();
    expect(result.code).toBe(1);
    expect(result.errors).toContain('is not the JSON it should be; nothing was written');
    expect(readFileSync(settings, 'utf8')).toBe('{"env": ');
  });
});

describe('with neither jq nor Node', () => {
  test('a machine without settings is set up all the same', async () => {
    const { settings, setUp } = await machine(undefined, []);
    expect(await setUp()).toMatchObject({ code: 0, errors: '' });
    expect(json(settings)).toEqual({ ...OURS, env: { ...OURS.env, ANTHROPIC_AUTH_TOKEN: KEY } });
  });

  test('settings that are there are not touched; what to merge is shown', async () => {
    const { settings, setUp } = await machine(THEIRS, []);
    const result = await setUp();
    expect(result.code).toBe(1);
    expect(result.errors).toContain('neither jq nor node');
    expect(result.output).toContain('"CLAUDE_CODE_USE_GATEWAY": "1"');
    expect(json(settings)).toEqual(THEIRS);
  });
});

describe('the key', () => {
  test('is never shown', async () => {
    const { setUp } = await machine({ env: { ANTHROPIC_AUTH_TOKEN: 'bk_old.secret' } });
    const { output, errors } = await setUp();
    expect(output).toContain('bk_…');
    expect(output + errors).not.toMatch(/bk_squad|bk_old/);
  });

  test('stays out of the settings with --no-key', async () => {
    const { settings, setUp } = await machine(THEIRS);
    expect((await setUp(['--yes', '--no-key'])).output).toContain('Export ANTHROPIC_AUTH_TOKEN');
    expect(readFileSync(settings, 'utf8')).not.toContain('bk_');
  });

  test('is not written through a link', async () => {
    const { settings, config, setUp } = await machine();
    const target = join(scratch(), 'dotfiles.json');
    writeFileSync(target, '{}');
    symlinkSync(target, settings);
    expect((await setUp()).errors).toContain('where a key has no place: use --no-key');
    expect(readFileSync(target, 'utf8')).toBe('{}');
    expect(await setUp(['--yes', '--no-key'])).toMatchObject({ code: 0 });
    expect(json(target)).toEqual(OURS);
    expect(readdirSync(config)).toContain('bursar');
  });

  test.each([
    ['', 'expected your Bursar key in ANTHROPIC_AUTH_TOKEN'],
    ['sk-ant-123', 'a Bursar key begins with bk_'],
    ['bk_a"b', 'a Bursar key has letters, digits'],
  ])('%j is refused before anybody is asked', async (key, error) => {
    const { config, setUp } = await machine();
    const result = await setUp(['--yes'], { ANTHROPIC_AUTH_TOKEN: key });
    expect(result.code).toBe(1);
    expect(result.errors).toContain(error);
    expect(readdirSync(config)).toEqual([]);
  });
});

describe('nothing is written', () => {
  test('with --print', async () => {
    const { config, setUp } = await machine();
    const result = await setUp(['--print']);
    expect(result).toMatchObject({ code: 0, errors: '' });
    expect(result.output).toContain('"ANTHROPIC_BASE_URL": "https://bursar.example.com"');
    expect(readdirSync(config)).toEqual([]);
  });

  test('where it can ask nobody and --yes was not said', async () => {
    const { config, setUp } = await machine();
    const result = await setUp([]);
    expect(result.code).toBe(1);
    expect(result.errors).toContain('there is no terminal to ask at: use --yes');
    expect(readdirSync(config)).toEqual([]);
  });

  test('with an option it does not know', async () => {
    const { setUp } = await machine();
    expect(await setUp(['--force'])).toMatchObject({ code: 2 });
  });

  test('where the gateway refuses the key, and its answer is told', async () => {
    const gateway = await fakeGateway(
      (response) => void response.writeHead(401).end('not a valid Bursar key'),
    );
    const config = join(scratch(), '.claude');
    const env = { CLAUDE_CONFIG_DIR: config, ANTHROPIC_AUTH_TOKEN: KEY };
    const result = await runScript(served('setup', gateway.url), { args: ['--yes'], env });
    expect(result.code).toBe(1);
    expect(result.errors).toContain('/setup/settings.json answered 401: not a valid Bursar key');
    expect(existsSync(config)).toBe(false);
  });
});
