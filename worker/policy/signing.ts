/** Signing policy versions, and holding what D1 has of them against their signatures. */
import type { SigningKeyText } from '../../durable-objects/core/signing-keys.ts';
import {
  type ApprovalClaims,
  type SignedPolicy,
  signatureProblem,
  signPolicy,
} from '../../durable-objects/ledger/policy-envelope.ts';
import { publicKeysOf } from '../../durable-objects/ledger/signature.ts';
import { findCostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import { commitPolicyMove, listUnsignedLegacy, type PolicyVersionRow } from '../store/policy-versions.ts';
import { oneByOne } from './one-by-one.ts';

const SIGNED_A_RUN = 100;

/** What is wrong with a version's signature, to stand after "its signature "; null where it holds. */
export async function signatureProblemOf(
  { costCenter, version, document, signed }: PolicyVersionRow,
  keys: readonly SigningKeyText[],
): Promise<string | null> {
  return await signatureProblem({ costCenter, version, document, signed }, await publicKeysOf(keys));
}

/** A version's document under a new signature. `baseVersion`: what is live while it is approved. */
export async function signVersion(
  { costCenter, version, document }: PolicyVersionRow,
  baseVersion: number | null,
  approval: ApprovalClaims,
  keys: readonly SigningKeyText[],
): Promise<SignedPolicy> {
  const payload = { cost_center: costCenter, version, policy: document, base_version: baseVersion, approval };
  return await signPolicy(payload, keys);
}

/**
 * Signs versions that were live before versions were signed, some a run. One that somebody else changed at the same
 * time waits for the next. Rejects where D1 is away.
 */
export async function signLegacyVersions(
  database: Database,
  keys: readonly SigningKeyText[],
  at: string,
): Promise<void> {
  const authorship = { actor: 'schedule', requestId: `schedule_${crypto.randomUUID()}`, at };
  await oneByOne('signing a version', await listUnsignedLegacy(database, SIGNED_A_RUN), async (row) => {
    const owner = await findCostCenter(database, row.costCenter);
    if (!owner) return;
    const signed = await signVersion(
      row,
      row.baseVersion,
      { legacy: true, actor: authorship.actor, at },
      keys,
    );
    await commitPolicyMove(database, { owner, row }, { action: 'policy.sign', edit: { signed } }, authorship);
  });
}
