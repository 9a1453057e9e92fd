/** The status line's script and the hook, under sh. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FakeGateway, fakeGateway, KEY, runScript, scratch, served } from './shell.ts';

const SESSION = '0a1b2c3d-0000-4000-8000-000000000000';
const INPUT = JSON.stringify({ session_id: SESSION, prompt: 'say "session_id":"other"', cwd: '/x' });
/** Longer than the script waits, on a machine that is busy. */
const PATIENCE_MS = 6_000;

function run(
  script: 'statusline' | 'hook',
  url: string,
  { temp = scratch(), input = INPUT, ...env }: Record<string, string> = {},
) {
  const all = { ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: KEY, TMPDIR: temp, ...env };
  return runScript(served(script), { env: all, input });
}

function privateFolder(temp: string): string {
  return join(temp, `bursar-${process.getuid?.() ?? 0}`);
}

const LINE = 'squad 83% · $85 left today';
async function lineGateway(): Promise<FakeGateway> {
  return await fakeGateway((response) => void response.end(`${LINE}\n`));
}

describe('the status line', () => {
  test('is what the gateway says of the session on stdin, asked with the key', async () => {
    const gateway = await lineGateway();
    expect(await run('statusline', `${gateway.url}/`)).toMatchObject({
      code: 0,
      output: `${LINE}\n`,
      errors: '',
    });
    expect(gateway.asked).toMatchObject([
      { path: `/v1/me/statusline?session=${SESSION}`, headers: { authorization: `Bearer ${KEY}` } },
    ]);
  });

  test('is asked for once in ten seconds and session, and kept where nobody else can read it', async () => {
    const gateway = await lineGateway();
    const temp = scratch();
    for (let times = 0; times < 3; times += 1) {
      expect((await run('statusline', gateway.url, { temp })).output).toBe(`${LINE}\n`);
    }
    expect(gateway.asked).toHaveLength(1);
    await run('statusline', gateway.url, { temp, input: '{"session_id":"other"}' });
    expect(gateway.asked).toHaveLength(2);
    const folder = privateFolder(temp);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder).sort()).toEqual([`line-${SESSION}`, 'line-other'].sort());
    const kept = join(folder, `line-${SESSION}`);
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    const [at, ...rest] = readFileSync(kept, 'utf8').split('\n');
    writeFileSync(kept, [Number(at) - 10, ...rest].join('\n'));
    await run('statusline', gateway.url, { temp });
    expect(gateway.asked).toHaveLength(3);
  });

  test('is silent, and quick the next time, while the gateway is away or hangs', async () => {
    const hanging = await fakeGateway(() => {});
    const temp = scratch();
    const first = await run('statusline', hanging.url, { temp });
    expect(first).toMatchObject({ code: 0, output: '', errors: '' });
    expect(first.ms).toBeGreaterThan(900);
    expect(first.ms).toBeLessThan(PATIENCE_MS);
    await run('statusline', hanging.url, { temp });
    expect(hanging.asked).toHaveLength(1);
    const away = await run('statusline', 'http://127.0.0.1:9');
    expect(away).toMatchObject({ code: 0, output: '', errors: '' });
  });

  test('is silent where the gateway refuses', async () => {
    const gateway = await fakeGateway((response) => void response.writeHead(401).end('{"type":"error"}'));
    expect(await run('statusline', gateway.url)).toMatchObject({ code: 0, output: '', errors: '' });
  });

  test.each<[string, Record<string, string>]>([
    ['a key', { ANTHROPIC_AUTH_TOKEN: '' }],
    ['a key that is one', { ANTHROPIC_AUTH_TOKEN: 'bk_"\nurl = "http://elsewhere' }],
    ['an address', { ANTHROPIC_BASE_URL: '' }],
    ['an address that is one', { ANTHROPIC_BASE_URL: 'http://127.0.0.1/"x' }],
    ['a session', { input: '{}' }],
    ['a session that is a name', { input: '{"session_id":"../../etc/passwd"}' }],
    ['input', { input: '' }],
  ])('without %s is silent and asks nobody', async (_what, env) => {
    const gateway = await lineGateway();
    expect(await run('statusline', gateway.url, env)).toMatchObject({ code: 0, output: '', errors: '' });
    expect(gateway.asked).toEqual([]);
  });

  test('keeps nothing in a folder that others can write, or that is a link', async () => {
    const gateway = await lineGateway();
    const [open, linked, elsewhere] = [scratch(), scratch(), scratch()];
    mkdirSync(privateFolder(open));
    chmodSync(privateFolder(open), 0o777);
    symlinkSync(elsewhere, privateFolder(linked));
    for (const temp of [open, linked]) {
      expect(await run('statusline', gateway.url, { temp })).toMatchObject({ code: 0, output: '' });
    }
    expect([readdirSync(privateFolder(open)), readdirSync(elsewhere), gateway.asked]).toEqual([[], [], []]);
  });
});

describe('the hook', () => {
  const NEWS = '{"systemMessage":"Bursar: stepped down"}\n';

  test('tells what happened once, by the tag it keeps', async () => {
    let tag = '"aa01"';
    const gateway = await fakeGateway((response) => {
      const isKnown = gateway.asked.at(-1)?.headers['if-none-match'] === tag;
      response.writeHead(isKnown ? 304 : 200, { ETag: tag }).end(isKnown ? undefined : NEWS);
    });
    const temp = scratch();
    expect(await run('hook', gateway.url, { temp })).toMatchObject({ code: 0, output: NEWS, errors: '' });
    expect(await run('hook', gateway.url, { temp })).toMatchObject({ code: 0, output: '', errors: '' });
    tag = '"aa02"';
    expect((await run('hook', gateway.url, { temp })).output).toBe(NEWS);
    expect(gateway.asked.map(({ path }) => path)).toEqual(Array(3).fill(`/v1/me/notice?session=${SESSION}`));
    // Another session hears it for itself, and nothing but the tags is left behind.
    expect((await run('hook', gateway.url, { temp, input: '{"session_id":"s2"}' })).output).toBe(NEWS);
    expect(readdirSync(privateFolder(temp)).sort()).toEqual([`told-${SESSION}`, 'told-s2'].sort());
  });

  test('lets the status line be asked for anew: a turn ended', async () => {
    const gateway = await fakeGateway((response, path) => {
      if (path.startsWith('/v1/me/statusline')) response.end(`${LINE}\n`);
      else response.writeHead(204).end();
    });
    const temp = scratch();
    for (const script of ['statusline', 'hook', 'statusline'] as const)
      await run(script, gateway.url, { temp });
    expect(gateway.asked.filter(({ path }) => path.startsWith('/v1/me/statusline'))).toHaveLength(2);
  });

  test.each<[string, number, string]>([
    ['has nothing to tell', 204, ''],
    ['refuses', 401, NEWS],
    ['fails', 500, NEWS],
    ['answers without a tag', 200, NEWS],
  ])('says nothing where the gateway %s', async (_what, status, body) => {
    const gateway = await fakeGateway((response) => void response.writeHead(status).end(body));
    expect(await run('hook', gateway.url)).toMatchObject({ code: 0, output: '', errors: '' });
  });

  test('says nothing, and holds a prompt up for about a second, where the gateway hangs or is away', async () => {
    const hanging = await fakeGateway(() => {});
    for (const url of [hanging.url, 'http://127.0.0.1:9']) {
      const result = await run('hook', url);
      expect(result).toMatchObject({ code: 0, output: '', errors: '' });
      expect(result.ms).toBeLessThan(PATIENCE_MS);
    }
  });
});
