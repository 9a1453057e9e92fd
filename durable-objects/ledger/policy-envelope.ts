/**
 * The signed form of a policy version: the document with who approved it, in one payload under one signature. Whoever
 * applies a version verifies it: another document, cost center or number than was signed does not pass.
 */
import { z } from 'zod';
import type { SigningKeyText } from '../core/signing-keys.ts';
import { isSignedBy, type PublicKey, type Signature, signDocument } from './signature.ts';

export const POLICY_PAYLOAD = 'bursar.policy';

/** Who approved a version, with the identity provider's words; the other forms say why nobody did. */
export type ApprovalClaims =
  | {
      issuer: string | null;
      subject: string | null;
      email: string | null;
      /** The audit log's name for the approver. */
      actor: string;
      /** ISO 8601, UTC. */
      at: string;
      /** `kept`: the approver neither wrote nor submitted it; `waived`: they did, and the deployment allows that. */
      four_eyes: 'kept' | 'waived';
      dry_run: string | null;
    }
  /** The deployment asks for no approval. */
  | { waived: true; actor: string; at: string }
  /** It was live before versions were signed. */
  | { legacy: true; actor: string; at: string };

export interface PolicyPayload {
  type: typeof POLICY_PAYLOAD;
  cost_center: string;
  version: number;
  /** The document as it was given. */
  policy: unknown;
  /** What was live when it was approved; null: nothing was. */
  base_version: number | null;
  approval: ApprovalClaims;
}

export interface SignedPolicy {
  payload: PolicyPayload;
  signature: Signature;
}

export type NewPolicyPayload = Omit<PolicyPayload, 'type'>;

/** Signs with the newest key. */
export async function signPolicy(
  payload: NewPolicyPayload,
  keys: readonly SigningKeyText[],
): Promise<SignedPolicy> {
  const whole: PolicyPayload = { type: POLICY_PAYLOAD, ...payload };
  return { payload: whole, signature: await signDocument(whole, keys) };
}

/** As it is read back: of the payload only what is looked at; all of it is under the signature. */
const envelopeSchema = z.object({
  payload: z.looseObject({
    type: z.string(),
    cost_center: z.string(),
    version: z.number().int(),
    policy: z.unknown().optional(),
    approval: z.looseObject({ at: z.string() }),
  }),
  signature: z.object({ algorithm: z.literal('Ed25519'), key: z.number().int(), value: z.string() }),
});

export interface EnvelopeSummary {
  algorithm: 'Ed25519';
  /** The generation of the key. */
  key: number;
  /** ISO 8601, UTC. */
  signedAt: string;
  document: unknown;
}

/** What stored text says it is, verified or not; null where it is no envelope: whoever can write D1 may have been there. */
export function summaryOfEnvelope(signed: unknown): EnvelopeSummary | null {
  const read = envelopeSchema.safeParse(signed);
  if (!read.success) return null;
  const { payload, signature } = read.data;
  const { algorithm, key } = signature;
  return { algorithm, key, signedAt: payload.approval.at, document: payload.policy ?? null };
}

/** A version as a database has it, and the number that it is asked for by. */
export interface StoredPolicy {
  costCenter: string;
  version: number;
  document: unknown;
  /** A SignedPolicy, with or without its `payload.policy`: the document stands for it. */
  signed: unknown;
}

/** What is wrong with a version's signature, to stand after "its signature "; null where it holds. */
export async function signatureProblem(
  { costCenter, version, document, signed }: StoredPolicy,
  keys: readonly PublicKey[],
): Promise<string | null> {
  if (signed === null || signed === undefined) return 'is missing';
  const read = envelopeSchema.safeParse(signed);
  if (!read.success) return 'cannot be read';
  const { payload, signature } = read.data;
  if (payload.type !== POLICY_PAYLOAD) return 'is not one of a policy';
  if (payload.cost_center !== costCenter) return `is of another cost center (${payload.cost_center})`;
  if (payload.version !== version) return `is of another version (${payload.version})`;
  if (!keys.some(({ generation }) => generation === signature.key)) {
    return `is by key ${signature.key}, which SIGNING_KEYS does not list`;
  }
  const isSigned = await isSignedBy({ ...payload, policy: document }, signature, keys);
  return isSigned ? null : 'does not fit its document and approval';
}
