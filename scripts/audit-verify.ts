/**
 * `npm run audit:verify -- FILE [--key <generation>:<public key>]…`: recomputes an export of the audit log or of policy
 * versions. Needs the file and the deployment's public keys, no network. Exit code 1 where anything is wrong.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { checkAuditFile, type FileReport } from '../durable-objects/ledger/audit-file-check.ts';
import type { PublicKey } from '../durable-objects/ledger/signature.ts';

const USAGE = 'usage: npm run audit:verify -- FILE [--key <generation>:<public key in base64url>]…';
const KEY = /^([1-9]\d{0,5}):(?:public\.)?([\w-]{43})$/;

function stop(message: string): never {
  console.error(message);
  process.exit(1);
}

function readArguments(): { file: string; keys: PublicKey[] | null } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { key: { type: 'string', multiple: true } },
    });
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) stop(USAGE);
    const keys = values.key?.map((text): PublicKey => {
      const match = KEY.exec(text);
      if (!match) stop(`--key ${text}: expected <generation>:<32 bytes in base64url>`);
      return { generation: Number(match[1]), public_key: match[2] ?? '' };
    });
    return { file, keys: keys ?? null };
  } catch (error) {
    return stop(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    return stop(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function summaryOf(report: FileReport): string {
  if (report.kind === 'policies') {
    return `${report.records} policy versions, ${report.signedVersions} of them signed`;
  }
  const { head } = report;
  const until = head ? `, up to event ${head.sequence} (${head.hash})` : '';
  return `${report.records} audit events, ${report.anchors} of them anchors${until}`;
}

const { file, keys } = readArguments();
const report = await checkAuditFile(readBytes(file), keys);
for (const { line, sequence, what } of report.problems) {
  const where = line === null ? 'the file' : `line ${line}`;
  console.error(`${where}${sequence === null ? '' : ` (number ${sequence})`}: ${what}`);
}
console.log(summaryOf(report));
if (report.rewrittenElsewhere > 0) {
  console.log(
    `${report.rewrittenElsewhere} pseudonyms were put in by events that are not in this file; an export up to now shows them.`,
  );
}
if (keys === null) console.log('Signatures were not checked: give --key <generation>:<public key> to do so.');
console.log(report.problems.length === 0 ? 'Nothing is wrong.' : `${report.problems.length} problems.`);
process.exitCode = report.problems.length === 0 ? 0 : 1;
