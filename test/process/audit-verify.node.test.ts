import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { projectPath } from '../../scripts/project.ts';
import { auditFileOf, publicKeys, someEvents } from '../ledger/audit-export.ts';

const folder = mkdtempSync(join(tmpdir(), 'audit-verify-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The exit code and everything that was printed. */
async function verify(...given: string[]): Promise<{ code: number | null; text: string }> {
  return await new Promise((resolve) => {
    const child = execFile(
      'npm',
      ['run', '--silent', 'audit:verify', '--', ...given],
      { cwd: projectPath('.') },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, text: stdout + stderr }),
    );
  });
}

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('a file is verified offline, by the public key alone', async () => {
  const path = fileOf('good.ndjson', await auditFileOf(await someEvents()));
  const [key] = await publicKeys();
  const checked = await verify(path, '--key', `${key?.generation}:${key?.public_key}`);
  expect(checked).toMatchObject({
    code: 0,
    text: expect.stringContaining('5 audit events, 1 of them anchors'),
  });
  expect(checked.text).not.toContain('Signatures were not checked');
  expect(await verify(path)).toMatchObject({ code: 0, text: expect.stringContaining('were not checked') });
});

test('whatever is wrong is named, and the exit code is 1', async () => {
  const text = await auditFileOf(await someEvents());
  const path = fileOf('bad.ndjson', text.replace('admin_token', 'admin_taken'));
  const found = 'line 1 (number 1): hash: it does not fit what the line says';
  expect(await verify(path)).toMatchObject({ code: 1, text: expect.stringContaining(found) });
  expect(await verify()).toMatchObject({ code: 1, text: expect.stringContaining('usage:') });
  expect(await verify(join(folder, 'none'))).toMatchObject({ code: 1 });
  expect(await verify(path, '--key', 'x')).toMatchObject({
    code: 1,
    text: expect.stringContaining('expected <gen'),
  });
});
