/**
 * Rewritings: an event `audit.pseudonymised` lists the digests of each event's content before and after a pseudonym was
 * put into it, signed. Without the signature whoever can write D1 could append such an event, and have anything at all
 * pass for what was recorded.
 */
import { z } from 'zod';
import type { SigningKeyText } from '../core/signing-keys.ts';
import { isSignedBy, type PublicKey, type Signature, signDocument } from './signature.ts';

export const REWRITING = 'audit.pseudonymised';

const rewrittenSchema = z.strictObject({
  sequence: z.number().int(),
  old_digest: z.string(),
  new_digest: z.string(),
});

const signedSchema = z.strictObject({
  rewritten: z.array(rewrittenSchema),
  signature: z.strictObject({
    algorithm: z.literal('Ed25519'),
    key: z.number().int(),
    value: z.string(),
  }),
});

/** One event whose content was rewritten. */
export type Rewritten = z.infer<typeof rewrittenSchema>;

export interface SignedRewriting {
  rewritten: Rewritten[];
  signature: Signature;
}

/** What is under the signature: a list for one pseudonym is none for another. */
function signedPart(pseudonym: string, rewritten: readonly Rewritten[]) {
  return { type: 'bursar.audit_rewriting', pseudonym, rewritten };
}

export async function signRewriting(
  pseudonym: string,
  rewritten: Rewritten[],
  keys: readonly SigningKeyText[],
): Promise<SignedRewriting> {
  return { rewritten, signature: await signDocument(signedPart(pseudonym, rewritten), keys) };
}

/** What the `after` of such an event says; null where it is none. */
export function readRewriting(after: unknown): SignedRewriting | null {
  return signedSchema.safeParse(after).data ?? null;
}

/** Whether a rewriting for this pseudonym, the event's target, is signed by one of the published keys. */
export async function isRewritingSigned(
  pseudonym: string,
  { rewritten, signature }: SignedRewriting,
  keys: readonly PublicKey[],
): Promise<boolean> {
  return await isSignedBy(signedPart(pseudonym, rewritten), signature, keys);
}
