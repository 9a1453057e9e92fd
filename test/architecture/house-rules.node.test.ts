import { expect, test } from 'vitest';
import { brokenRules } from './house-rules.ts';
import { sourcesUnder } from './source.ts';

test('no file of the project breaks a rule of the house', () => {
  expect(brokenRules(sourcesUnder('worker', 'durable-objects', 'scripts', 'test'))).toEqual([]);
});

const LONG = 'const a = 1;\n'.repeat(301);

test.each<[path: string, text: string, problem: string]>([
  ['worker/utils.ts', '', '"utils" names no job'],
  ['worker/turn/header-utils.ts', '', '"header-utils" names no job'],
  ['durable-objects/helpers/x.ts', '', '"helpers" names no job'],
  ['worker/turn/runTurn.ts', '', 'not in kebab-case'],
  ['worker/x.ts', 'const a: any = 1;', 'has a type `any`'],
  ['worker/x.ts', 'const a = b as any;', 'has a type `any`'],
  ['test/x.test.ts', 'const a: Record<string, any> = {};', 'has a type `any`'],
  ['worker/x.ts', 'const a = /[/\'"]/.exec(b); const c: any[] = [];', 'has a type `any`'],
  ['test/x.test.ts', "test.only('a', () => {});", 'has a test.only'],
  ['test/x.test.ts', "describe.concurrent.skip('a', () => {});", 'has a describe.concurrent.skip'],
  ['test/x.test.ts', "it.todo('a');", 'has a it.todo'],
  ['worker/x.ts', 'const a = 1; // TODO: two', 'has a TODO'],
  ['scripts/x.ts', '/**\n * FIXME\n */', 'has a FIXME'],
  ['worker/x.ts', LONG, '301 lines, at most 300'],
  ['worker/x.ts', 'db.prepare("INSERT INTO ledger_entries VALUES (1)")', 'writes the ledger'],
  ['durable-objects/wallet/x.ts', 'sql`insert or ignore into\n  alert_events (a)`', 'writes the ledger'],
  ['scripts/x.ts', "run('DELETE FROM ledger_entries')", 'writes the ledger'],
  ['worker/store/x.ts', 'database.insert(ledgerEntries).values(row)', 'writes the ledger'],
  ['worker/store/x.ts', 'database.update(tables.alertEvents)', 'writes the ledger'],
  ['worker/store/x.ts', 'database.insert(auditEvents).values(event)', 'writes the audit log'],
  ['worker/finance/x.ts', "db.prepare('INSERT INTO audit_chain VALUES (1)')", 'writes the audit log'],
  ['durable-objects/wallet/x.ts', "sql.exec('update audit_events set a = 1')", 'writes the audit log'],
  [
    'durable-objects/core/x.ts',
    'const nowMs = Date.now();',
    'core is pure and synchronous, but has Date.now(',
  ],
  ['durable-objects/core/x.ts', 'const id = crypto.randomUUID();', 'core is pure'],
  ['durable-objects/core/x.ts', 'export async function load() {}', 'core is pure'],
  ['durable-objects/core/x.ts', 'function load(db: D1Database) {}', 'core is pure'],
])('%s with %s is found out', (path, text, problem) => {
  expect(brokenRules([{ path, text }])).toEqual([expect.stringContaining(problem)]);
});

test.each([
  ['worker/x.ts', "const a = AbortSignal.any([b]); // at any time; 'any'"],
  ['worker/x.ts', "if (choice.type !== 'any') return { any: 1 };"],
  ['worker/x.ts', "const a = b / 2; const c = 'https://example.com'; // what is to do"],
  ['worker/x.ts', LONG.slice(0, -13)],
  ['test/x.test.ts', LONG],
  ['worker/store/x.ts', "database.select().from(ledgerEntries); const help = 'updates ledger_entries';"],
  ['durable-objects/ledger/x.ts', "db.prepare('INSERT INTO ledger_entries VALUES (1)')"],
  ['worker/store/audit-chain.ts', 'database.insert(auditEvents).values(event)'],
  ['durable-objects/core/x.ts', 'const at = new Date(nowMs); // never Date.now()'],
])('%s may have %s', (path, text) => {
  expect(brokenRules([{ path, text }])).toEqual([]);
});
