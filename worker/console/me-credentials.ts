/**
 * What opens the page `/me`: a code in a link, good for one use within five minutes, and the cookie that it is given
 * for, good for an hour. Both are signed and name a key; neither is one, and neither opens anything but this page.
 */
import { z } from 'zod';
import { signText, verifyText } from '../../durable-objects/ledger/sealed.ts';
import type { VerifiedKey } from '../auth/virtual-key.ts';
import type { Bindings } from '../bindings.ts';

export const LINK_SECONDS = 300;
export const SESSION_SECONDS = 3_600;

type Purpose = 'me-link' | 'me-session';

const SECONDS: Record<Purpose, number> = { 'me-link': LINK_SECONDS, 'me-session': SESSION_SECONDS };

const payloadSchema = z.object({
  /** Names this one credential; a link's is used once. */
  id: z.string(),
  cost_center: z.string(),
  key_id: z.string(),
  generation: z.number(),
  /** Epoch ms. */
  expires: z.number(),
});

export interface Credential {
  id: string;
  key: VerifiedKey;
  expiresAtMs: number;
}

type Secrets = Pick<Bindings, 'keySecrets'>;

/** Signs a new credential for a key that proved itself. */
export async function issueCredential(
  purpose: Purpose,
  { costCenter, keyId, generation }: VerifiedKey,
  { keySecrets }: Secrets,
): Promise<{ text: string; expiresAtMs: number }> {
  const expiresAtMs = Date.now() + SECONDS[purpose] * 1_000;
  const payload = {
    id: crypto.randomUUID(),
    cost_center: costCenter,
    key_id: keyId,
    generation,
    expires: expiresAtMs,
  };
  return { text: await signText(JSON.stringify(payload), purpose, keySecrets[0]), expiresAtMs };
}

/**
 * What a credential says; null where it is none, was altered, is for something else or too old. Where the secret of
 * its key was withdrawn since, so is the key, and it opens nothing any more.
 */
export async function readCredential(
  purpose: Purpose,
  text: string,
  { keySecrets }: Secrets,
): Promise<Credential | null> {
  const payload = await verifyText(text, purpose, keySecrets);
  if (payload === null) return null;
  const {
    id,
    cost_center: costCenter,
    key_id: keyId,
    generation,
    expires,
  } = payloadSchema.parse(JSON.parse(payload));
  const isListed = keySecrets.some((each) => each.generation === generation);
  if (!isListed || expires <= Date.now()) return null;
  return { id, key: { costCenter, keyId, generation }, expiresAtMs: expires };
}
