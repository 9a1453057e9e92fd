/**
 * Anchors: once a day an event `audit.anchor` of D1's chain names the heads of the wallets' chains and the hashes of the
 * ledger's finished days, signed. What it names can't be exchanged any more without breaking the chain or the signature.
 */
import { z } from 'zod';
import type { SigningKeyText } from '../core/signing-keys.ts';
import { isSignedBy, type PublicKey, signDocument } from './signature.ts';

export const ANCHOR = 'audit.anchor';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const head = z.strictObject({ sequence: z.number().int(), hash: sha256 });

/** The last event of a wallet's chain that D1 had. */
const walletHead = z.strictObject({ cost_center: z.string(), sequence: z.number().int(), hash: sha256 });

const ledgerDay = z.strictObject({
  cost_center: z.string(),
  /** Of admission, UTC. */
  day: z.string(),
  form: z.number().int(),
  entries: z.number().int(),
  /** A sum may pass 2^53. */
  charged_nano_usd: z.string(),
  hash: sha256,
  /** Only where an earlier anchor's hash of this day is none of the steps to this one. */
  contradicts: z.strictObject({ entries: z.number().int(), hash: sha256 }).optional(),
});

const anchorSchema = z.strictObject({
  type: z.literal('bursar.audit_anchor'),
  /** The finished day (UTC) it was made after. */
  day: z.string(),
  /** The event before it. */
  chain: head,
  wallets: z.array(walletHead),
  ledger: z.array(ledgerDay),
});

const signedSchema = z.strictObject({
  anchor: anchorSchema,
  signature: z.strictObject({
    algorithm: z.literal('Ed25519'),
    key: z.number().int(),
    value: z.string(),
  }),
});

export type WalletHead = z.infer<typeof walletHead>;
export type LedgerDay = z.infer<typeof ledgerDay>;
export type Anchor = z.infer<typeof anchorSchema>;
export type SignedAnchor = z.infer<typeof signedSchema>;

export async function signAnchor(
  anchor: Omit<Anchor, 'type'>,
  keys: readonly SigningKeyText[],
): Promise<SignedAnchor> {
  const whole: Anchor = { type: 'bursar.audit_anchor', ...anchor };
  return { anchor: whole, signature: await signDocument(whole, keys) };
}

/** What an anchor's event says; null where it is none. */
export function readAnchor(after: unknown): SignedAnchor | null {
  return signedSchema.safeParse(after).data ?? null;
}

/** Whether an anchor is signed by one of the published keys. */
export async function isAnchorSigned(
  { anchor, signature }: SignedAnchor,
  keys: readonly PublicKey[],
): Promise<boolean> {
  return await isSignedBy(anchor, signature, keys);
}
