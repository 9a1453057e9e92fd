/**
 * Which policies a wallet takes over from D1: those whose signature holds. Where one does not, the wallet goes on by
 * what it had verified before, and everything else of the same document applies all the same.
 */
import { z } from 'zod';
import { signatureProblem } from '../ledger/policy-envelope.ts';
import { canonicalText, type PublicKey } from '../ledger/signature.ts';
import type { Alerts } from './alerts.ts';
import type { Configuration } from './configuration.ts';

export const refusedPolicySchema = z.object({
  /** Null: D1 names no live version any more, where one was. */
  version: z.number().int().nullable(),
  /** What it was to be: the live version, one to come, a canary, or the one that a guard would go back to. */
  as: z.enum(['live', 'scheduled', 'canary', 'base']),
  /** "its signature is missing". */
  why: z.string(),
});

/** A version that D1 has in force, in part or to come, and that the wallet did not take over. */
export type RefusedPolicy = z.output<typeof refusedPolicySchema>;

const scheduledSchema = z.looseObject({
  version: z.number().int(),
  activate_at: z.string(),
  policy: z.unknown(),
  signed: z.unknown().optional(),
});

/** As much of the document as this is about; the rest passes through as it is. */
const documentSchema = z.looseObject({
  policy_version: z.number().int().nullable(),
  policy: z.unknown(),
  // What the wallet keeps was verified: it has no signatures.
  policy_signed: z.unknown().optional(),
  scheduled_policy: scheduledSchema.nullable().default(null),
  refused_policies: z.array(refusedPolicySchema).default([]),
});

type Document = z.output<typeof documentSchema>;

function read(text: string): Document {
  return documentSchema.parse(JSON.parse(text));
}

/** What is wrong with the signatures of a document's policies, each null where it holds or has nothing to hold. */
export interface SignatureProblems {
  live: string | null;
  scheduled: string | null;
}

export const MISSING = 'is missing';

/** Verifies the policies of a document as the view `wallet_configurations` gives it. */
export async function signatureProblems(
  text: string,
  costCenter: string,
  keys: readonly PublicKey[],
): Promise<SignatureProblems> {
  const { policy_version: version, policy, policy_signed: signed, scheduled_policy: scheduled } = read(text);
  const problemOf = async (each: { version: number; policy: unknown; signed?: unknown }) =>
    each.signed === null || each.signed === undefined
      ? MISSING
      : await signatureProblem(
          { costCenter, version: each.version, document: each.policy, signed: each.signed },
          keys,
        );
  return {
    live: version === null ? null : await problemOf({ version, policy, signed }),
    scheduled: scheduled && (await problemOf(scheduled)),
  };
}

export interface Verified {
  version: number;
  policy: unknown;
}

/** The policies that a copy's document has, the one in force first. */
export function verifiedIn(text: string | null, nowMs: number): Verified[] {
  if (text === null) return [];
  const { policy_version: version, policy, scheduled_policy: scheduled } = read(text);
  const live = version === null ? [] : [{ version, policy }];
  if (!scheduled) return live;
  return Date.parse(scheduled.activate_at) <= nowMs ? [scheduled, ...live] : [...live, scheduled];
}

export function isSame(one: Verified, other: Verified): boolean {
  return one.version === other.version && canonicalText(one.policy) === canonicalText(other.policy);
}

/**
 * The document to keep: D1's, with the policies that may be taken over, and which were refused. `before`: the copy's
 * document. A version without a signature passes where the copy has that very document: it was live before versions
 * were signed.
 */
export function withVerifiedPolicies(
  text: string,
  problems: SignatureProblems,
  before: string | null,
  nowMs: number,
): string {
  const document = read(text);
  const verified = verifiedIn(before, nowMs);
  const isKnown = (one: Verified, problem: string) =>
    problem === MISSING && verified.some((each) => isSame(each, one));
  const {
    policy_version: version,
    policy,
    policy_signed: _,
    scheduled_policy: scheduled,
    ...rest
  } = document;
  const refused: RefusedPolicy[] = [];
  let live: Verified | null = version === null ? null : { version, policy };
  const [inForce = null] = verified;
  if (live === null && inForce !== null) {
    refused.push({ version: null, as: 'live', why: 'no version is live any more' });
    live = inForce;
  } else if (live !== null && problems.live !== null && !isKnown(live, problems.live)) {
    refused.push({ version, as: 'live', why: `its signature ${problems.live}` });
    live = inForce;
  }
  const isRefused =
    scheduled !== null && problems.scheduled !== null && !isKnown(scheduled, problems.scheduled);
  if (isRefused) {
    refused.push({ version: scheduled.version, as: 'scheduled', why: `its signature ${problems.scheduled}` });
  }
  const kept = scheduled && {
    version: scheduled.version,
    activate_at: scheduled.activate_at,
    policy: scheduled.policy,
  };
  return JSON.stringify({
    ...rest,
    policy_version: live?.version ?? null,
    policy: live?.policy ?? null,
    scheduled_policy: isRefused ? null : kept,
    refused_policies: refused,
  });
}

/** Tells once of each policy that was refused. Call inside the transaction in which `after` takes `before`'s place. */
export function tellRefusedPolicies(
  alerts: Alerts,
  before: Configuration | null,
  after: Configuration,
  nowMs: number,
): void {
  const { costCenter, livePolicy } = after;
  const turn = {
    costCenter,
    turnId: null,
    session: null,
    developer: null,
    policyVersion: livePolicy?.version ?? null,
  };
  for (const refused of after.refusedPolicies) {
    const isTold = before?.refusedPolicies.some((each) => JSON.stringify(each) === JSON.stringify(refused));
    if (isTold) continue;
    const { version, as, why } = refused;
    console.error({ message: 'a policy was refused', costCenter, version, as, why });
    const facts = { version, as, why, in_force: livePolicy?.version ?? null };
    alerts.tellOnce(
      'policy_signature',
      version === null ? costCenter : `version ${version}`,
      turn,
      facts,
      nowMs,
    );
  }
}
