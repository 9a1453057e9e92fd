import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { projectPath } from '../../scripts/project.ts';
import { ACTIONS, ROLES, rolesWith } from '../../worker/auth/permissions.ts';

/** The table of docs/access.md as the permissions have it. */
function expectedTable(): string {
  const lines = ACTIONS.map((action) => {
    const marks = ROLES.map((role) => (rolesWith(action).includes(role) ? ' yes ' : ' '));
    return `| \`${action}\` |${marks.join('|')}|`;
  });
  return [`| action | ${ROLES.join(' | ')} |`, `|---|${ROLES.map(() => '---').join('|')}|`, ...lines].join(
    '\n',
  );
}

test('the table of roles in docs/access.md is the one that is enforced', () => {
  const page = readFileSync(projectPath('docs/access.md'), 'utf8');
  const [, table] = /<!-- roles -->\n\n([\s\S]*?)\n*<!-- \/roles -->/.exec(page) ?? [];
  expect(table).toBe(expectedTable());
});
