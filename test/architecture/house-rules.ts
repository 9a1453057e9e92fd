/** What no file of this project has, whatever room it is in. Each rule answers with what is wrong, or null. */
import { codeOf, commentsOf, type Source } from './source.ts';

const MAX_LINES = 300;

type Rule = (source: Source) => string | null;

/** Everything in these files that breaks a rule, one sentence each. */
export function brokenRules(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    RULES.map((rule) => rule(source))
      .filter((problem) => problem !== null)
      .map((problem) => `${source.path}: ${problem}`),
  );
}

const RULES: readonly Rule[] = [
  namedAfterItsJob,
  withoutAny,
  withoutSkippedTests,
  withoutUnfinished,
  shortEnough,
  leavesTheLedgerAlone,
  leavesTheAuditLogAlone,
  coreIsCalculation,
];

function namedAfterItsJob({ path }: Source): string | null {
  const parts = path.replace(/\.ts$/, '').split(/[/.]/);
  const vague = parts.find((part) => /(?:^|-)(?:utils?|helpers?|manager|misc|common)(?:-|$)/.test(part));
  if (vague) return `"${vague}" names no job`;
  const file = path.slice(path.lastIndexOf('/') + 1);
  return /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.node)?(?:\.test)?\.ts$/.test(file) ? null : 'not in kebab-case';
}

function withoutAny(source: Source): string | null {
  return /(?<![.\w])any\b(?!\s*[(:])/.test(codeOf(source)) ? 'has a type `any`' : null;
}

function withoutSkippedTests(source: Source): string | null {
  const found = /\b(?:test|it|describe|suite)\b[\w.]*\.(?:skip|only|todo)\b/.exec(codeOf(source));
  return found ? `has a ${found[0]}` : null;
}

function withoutUnfinished(source: Source): string | null {
  const found = /\b(?:TODO|FIXME|XXX)\b/.exec(commentsOf(source));
  return found ? `has a ${found[0]}` : null;
}

/** Tables of tests and prices of scripts may be longer; what decides and moves money may not. */
function shortEnough({ path, text }: Source): string | null {
  const lines = text.split('\n').length - 1;
  if (!/^(?:worker|durable-objects)\//.test(path) || lines <= MAX_LINES) return null;
  return `${lines} lines, at most ${MAX_LINES}`;
}

/** How a file writes one of these tables, in SQL or with drizzle. */
function writesTo(tables: string): readonly RegExp[] {
  return [
    new RegExp(
      String.raw`\b(?:insert\s+(?:or\s+\w+\s+)?into|replace\s+into|update|delete\s+from)\s+["\x60]?(?:${tables})\b`,
      'i',
    ),
    new RegExp(String.raw`\.(?:insert|update|delete)\(\s*(?:\w+\.)?(?:${tables})\b`),
  ];
}

const LEDGER_WRITES = writesTo('ledger_entries|alert_events|wallet_audit_events|ledgerEntries|alertEvents');
const AUDIT_WRITES = writesTo('audit_events|audit_chain|auditEvents|auditChain');
/** The chain's one writer, the one that puts pseudonyms in, and the wallet's table of the same name. */
const AUDIT_WRITERS = [
  'worker/store/audit-chain.ts',
  'worker/store/audit-renaming.ts',
  'durable-objects/wallet/audit.ts',
];

/** The ledger has one writer; tests may set up rows, and try what the triggers forbid. */
function leavesTheLedgerAlone({ path, text }: Source): string | null {
  if (path.startsWith('durable-objects/ledger/') || path.startsWith('test/')) return null;
  return LEDGER_WRITES.some((write) => write.test(text))
    ? 'writes the ledger, which only ledger/ does'
    : null;
}

/** An event without its link, or a link without its event, would break the chain. */
function leavesTheAuditLogAlone({ path, text }: Source): string | null {
  if (AUDIT_WRITERS.includes(path) || path.startsWith('test/')) return null;
  return AUDIT_WRITES.some((write) => write.test(text))
    ? 'writes the audit log, which only store/audit-chain.ts does'
    : null;
}

const IMPURE =
  /\bDate\.now\(|\bnew Date\(\)|\bTemporal\.Now\b|\bMath\.random\(|\bcrypto\.|\bfetch\(|\bset(?:Timeout|Interval)\(|\bconsole\.|\b(?:D1Database|SqlStorage|DurableObject\w*|KVNamespace|R2Bucket|ExecutionContext)\b|\basync\b|\bawait\b/;

function coreIsCalculation(source: Source): string | null {
  if (!source.path.startsWith('durable-objects/core/')) return null;
  const found = IMPURE.exec(codeOf(source));
  return found ? `core is pure and synchronous, but has ${found[0]}` : null;
}
