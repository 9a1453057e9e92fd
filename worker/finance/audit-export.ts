/** The audit log and policy versions as files that can be verified without Bursar, read as they are sent. */
import { AuditFileWriter } from '../../durable-objects/ledger/audit-file.ts';
import { type ChainHead, storableJson } from '../../durable-objects/ledger/audit-link.ts';
import type { Bindings } from '../bindings.ts';
import { AuditChainBusy, chainOldEvents } from '../store/audit-chain.ts';
import { readAuditPage, sequencesIn } from '../store/audit-pages.ts';
import { openDatabase } from '../store/database.ts';
import { readWholeVersions } from '../store/policy-history.ts';
import type { Part } from './export.ts';

type Access = Pick<Bindings, 'db' | 'signingKeys'>;

function part(text: string): Part {
  return { text, rows: 1, position: null };
}

/**
 * Every event from the first to the last one of a half-open span (ISO 8601, UTC; null: open), without a gap, as of now.
 * Throws AuditChainBusy where older events are not chained yet, and where an event is missing.
 */
export async function* auditFile(
  { db, signingKeys }: Access,
  span: { from: string | null; to: string | null },
  madeAt: string,
): AsyncGenerator<Part> {
  if (!(await chainOldEvents(openDatabase(db)))) {
    throw new AuditChainBusy('events from before the audit chain are still being chained');
  }
  const writer = new AuditFileWriter();
  let head: ChainHead | null = null;
  const { first, last } = await sequencesIn(db, span);
  let after = first - 1;
  while (after < last) {
    const page = await readAuditPage(db, after, last);
    if (page.length === 0) break;
    let text = '';
    for (const each of page) {
      // What is missing is missing in the file too, where the verifier says so.
      if (!('event' in each)) continue;
      text += writer.record(each.event);
      head = { sequence: each.event.sequence, hash: each.event.hash };
    }
    after = Math.max(...page.map((each) => ('event' in each ? each.event.sequence : each.sequence)));
    yield part(text);
  }
  yield part(await writer.manifest('audit', span, { head, madeAt }, signingKeys));
}

/** All versions of a cost center, every column of each, in order. */
export async function* policyFile(
  { db, signingKeys }: Access,
  costCenter: string,
  madeAt: string,
): AsyncGenerator<Part> {
  const writer = new AuditFileWriter();
  let after = 0;
  for (;;) {
    const versions = await readWholeVersions(db, costCenter, after);
    const last = versions.at(-1);
    if (!last) break;
    yield part(versions.map(({ columns }) => writer.record(storableJson(columns))).join(''));
    after = last.version;
  }
  const asked = { cost_center: costCenter };
  yield part(await writer.manifest('policies', asked, { head: null, madeAt }, signingKeys));
}
