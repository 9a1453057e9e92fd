/**
 * Which rollouts a wallet takes over from D1: those whose policy is signed, as for the live version. A canary whose
 * signature does not hold decides over no session; a base whose signature does not hold is nothing to go back to, so
 * that no guard watches the version that took its place.
 */
import { z } from 'zod';
import { signatureProblem } from '../ledger/policy-envelope.ts';
import type { PublicKey } from '../ledger/signature.ts';
import { isSame, MISSING, refusedPolicySchema, type Verified, verifiedIn } from './policy-signature.ts';

const rowSchema = z.looseObject({
  id: z.string(),
  kind: z.enum(['canary', 'live']),
  policy_version: z.number().int(),
  policy: z.unknown(),
  // The copy's own have none any more: they were verified.
  policy_signed: z.unknown().optional(),
});

/** As much of the document as this is about. */
const documentSchema = z.looseObject({
  rollouts: z.array(rowSchema).default([]),
  refused_policies: z.array(refusedPolicySchema).default([]),
});

function read(text: string) {
  return documentSchema.parse(JSON.parse(text));
}

/** What is wrong with the signatures of a document's rollouts, by their ids. */
export async function rolloutProblems(
  text: string,
  costCenter: string,
  keys: readonly PublicKey[],
): Promise<ReadonlyMap<string, string>> {
  const problems = new Map<string, string>();
  for (const { id, policy_version: version, policy: document, policy_signed: signed } of read(text)
    .rollouts) {
    const problem = await signatureProblem({ costCenter, version, document, signed }, keys);
    if (problem) problems.set(id, problem);
  }
  return problems;
}

function knownIn(before: string | null): Verified[] {
  if (before === null) return [];
  const rollouts = read(before).rollouts.map(({ policy_version: version, policy }) => ({ version, policy }));
  return [...verifiedIn(before, 0), ...rollouts];
}

/**
 * The document to keep, with the rollouts that may be taken over; the others are among its refused policies. `before`:
 * the copy's document. What has no signature passes where the copy has verified that very version before.
 */
export function withVerifiedRollouts(
  text: string,
  problems: ReadonlyMap<string, string>,
  before: string | null,
): string {
  const { rollouts, refused_policies: refused, ...rest } = read(text);
  const known = knownIn(before);
  const problemOf = ({ id, policy_version: version, policy }: (typeof rollouts)[number]): string | null => {
    const problem = problems.get(id) ?? null;
    const isKnown = problem === MISSING && known.some((each) => isSame(each, { version, policy }));
    return isKnown ? null : problem;
  };
  return JSON.stringify({
    ...rest,
    rollouts: rollouts.filter((row) => problemOf(row) === null).map(({ policy_signed: _, ...row }) => row),
    refused_policies: [
      ...refused,
      ...rollouts.flatMap((row) => {
        const problem = problemOf(row);
        const version = row.policy_version;
        const as = row.kind === 'canary' ? ('canary' as const) : ('base' as const);
        return problem === null ? [] : [{ version, as, why: `its signature ${problem}` }];
      }),
    ],
  });
}
