/** Whether a submission or an approval still is about what would happen: the same document, in the same one's place. */
import { summaryOfEnvelope } from '../../durable-objects/ledger/policy-envelope.ts';
import { canonicalText } from '../../durable-objects/ledger/signature.ts';
import type { PolicyFacts } from '../store/policy-versions.ts';

const WAITING = ['submitted', 'approved', 'scheduled'];

/** Why it no longer holds, as a sentence without its end; null where it does, or where the version has none. */
export function staleWhy({ owner, row }: PolicyFacts): string | null {
  if (!WAITING.includes(row.state) || row.submittedAt === null) return null;
  const said = row.approvedAt === null ? 'submitted' : 'approved';
  const envelope = summaryOfEnvelope(row.signed);
  if (envelope && canonicalText(envelope.document) !== canonicalText(row.document)) {
    return `the document of version ${row.version} is not the one that was approved`;
  }
  if (row.baseVersion === owner.livePolicyVersion) return null;
  const base = row.baseVersion === null ? 'when no version was live' : `against version ${row.baseVersion}`;
  const live =
    owner.livePolicyVersion === null ? 'none is live now' : `version ${owner.livePolicyVersion} is live now`;
  return `version ${row.version} was ${said} ${base}, and ${live}`;
}
