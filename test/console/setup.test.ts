/** `/managed/settings`, `/setup` and what they are made of. */
import { describe, expect, test } from 'vitest';
import { administered } from '../turn/admin.ts';
import { answering, ask, askJson, colleague, teamDay } from '../turn/standing-scene.ts';

const CASCADE = { cascade: ['claude-opus-5', 'claude-opus-4-8', 'claude-haiku-5-5'] };
const COMMAND = /^\[ ! -r "\$\{CLAUDE_CONFIG_DIR:-\$HOME\/\.claude\}\/bursar\/(\w+)\.sh" \] \|\| sh "/;

describe('the managed settings', () => {
  test('have the address, the models of the live cascade, status line and hooks, and no key', async () => {
    const bursar = await answering(teamDay('10', CASCADE), { PUBLIC_URL: 'https://bursar.example.com/' });
    const body = await askJson(bursar, '/managed/settings');
    const hook = [{ hooks: [{ type: 'command', command: expect.stringMatching(COMMAND), timeout: 5 }] }];
    expect(body).toEqual({
      uuid: expect.stringMatching(/^[0-9a-f]{32}$/),
      checksum: expect.stringMatching(/^[0-9a-f]{32}$/),
      settings: {
        env: {
          ANTHROPIC_BASE_URL: 'https://bursar.example.com',
          CLAUDE_CODE_USE_GATEWAY: '1',
          CLAUDE_CODE_GATEWAY_HINT_HEADERS: '1',
          ANTHROPIC_DEFAULT_OPUS_MODEL: 'claude-opus-5',
          ANTHROPIC_DEFAULT_HAIKU_MODEL: 'claude-haiku-5-5',
        },
        statusLine: { type: 'command', command: expect.stringMatching(COMMAND), refreshInterval: 30 },
        hooks: { SessionStart: hook, UserPromptSubmit: hook, Stop: hook },
      },
    });
    expect(JSON.stringify(body)).not.toContain('bk_');
    expect(await askJson(bursar, '/setup/settings.json')).toEqual(Object(body).settings);
  });

  test('are a 304 to whoever has them, until the cascade changes', async () => {
    const bursar = await answering(teamDay('10', CASCADE));
    const first = await ask(bursar, '/managed/settings');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toBe(`"${Object(await first.json()).checksum}"`);
    expect((await ask(bursar, '/managed/settings', { 'if-none-match': etag })).status).toBe(304);
    await administered(bursar, 'POST', '/policies', { policy: teamDay('10') });
    await administered(bursar, 'POST', '/policies/2/activate');
    expect((await ask(bursar, '/managed/settings', { 'if-none-match': etag })).status).toBe(200);
  });

  test('without a policy are those of the cascade by default, at the address that was asked', async () => {
    const settings = await askJson(await answering(null), '/setup/settings.json');
    expect(settings).toMatchObject({
      env: {
        ANTHROPIC_BASE_URL: 'https://bursar.example',
        ANTHROPIC_DEFAULT_OPUS_MODEL: 'claude-opus-5-5',
        ANTHROPIC_DEFAULT_SONNET_MODEL: 'claude-sonnet-5-5',
        ANTHROPIC_DEFAULT_HAIKU_MODEL: 'claude-haiku-5-5',
      },
    });
  });

  test.each(['/managed/settings', '/setup/settings.json'])('%s needs a key that is good', async (path) => {
    const bursar = await answering(null);
    const ada = await colleague(bursar);
    await administered(bursar, 'DELETE', `/keys/${ada.id}`);
    for (const authorization of ['', 'Bearer bk_forged', `Bearer ${ada.secret}`]) {
      expect((await ask(bursar, path, { authorization })).status).toBe(401);
    }
  });
});

describe('the setup', () => {
  test('is explained on a page that runs nothing', async () => {
    const bursar = await answering(null, { PUBLIC_URL: 'https://bursar.example.com' });
    const response = await bursar.call('/setup');
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; style-src 'nonce-[0-9a-f-]{36}'; form-action 'self'; /);
    expect(policy).toContain("frame-ancestors 'none'");
    const text = await response.text();
    expect(text).toContain('curl -fsSO https://bursar.example.com/setup.sh');
    expect(text).not.toContain('<script');
  });

  test('script names this gateway', async () => {
    const bursar = await answering(null);
    const text = await (await bursar.call('/setup.sh')).text();
    expect(text).toMatch(/^#!\/bin\/sh\n/);
    expect(text).toContain("url='https://bursar.example'\n");
    expect(text).not.toContain('@BURSAR_URL@');
  });

  test.each([
    '/setup.sh',
    '/setup/statusline.sh',
    '/setup/hook.sh',
  ])('%s is a shell script that anybody may read, with a tag', async (path) => {
    const bursar = await answering(null);
    const response = await bursar.call(path);
    expect(response.headers.get('content-type')).toBe('text/x-shellscript; charset=utf-8');
    expect(await response.text()).toMatch(/^#!\/bin\/sh\n/);
    const headers = { 'if-none-match': response.headers.get('etag') ?? '' };
    expect((await bursar.call(path, { headers })).status).toBe(304);
  });

  test.each([
    'https://bursar.example.com/path',
    'bursar.example.com',
    'ftp://bursar.example.com',
  ])('with PUBLIC_URL=%s the gateway says that it is not configured', async (PUBLIC_URL) => {
    const response = await (await answering(null, { PUBLIC_URL })).call('/setup');
    expect(response.status).toBe(500);
    expect(await response.text()).toContain('PUBLIC_URL: expected an https address');
  });
});
