/** `/cost_centers/{id}/keys/{key_id}/rotate`: a successor for a key, with an overlap in which both are good. */
import { createRoute } from '@hono/zod-openapi';
import { newKeyId } from '../../auth/virtual-key.ts';
import { type Outcome, untilCommitted } from '../../store/change.ts';
import type { CostCenter } from '../../store/cost-centers.ts';
import { findKey, findSuccessor, rotateKey, type VirtualKey } from '../../store/virtual-keys.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, ERRORS, optionalBody } from './contract.ts';
import { fail } from './failures.ts';
import { issuedKeyView, keyParams, rotation } from './key-contract.ts';
import { replyWithSecret, unknownKey } from './keys.ts';
import { withOwner } from './owner.ts';

const DEFAULT_OVERLAP_SECONDS = 86_400;

/** The earlier of the key's own expiry and the end of the overlap. */
function endOf({ expiresAt }: VirtualKey, overlapSeconds: number, nowMs: number): string {
  const end = new Date(nowMs + overlapSeconds * 1_000).toISOString();
  return expiresAt !== null && expiresAt < end ? expiresAt : end;
}

async function rotate(
  c: AdminContext,
  owner: CostCenter,
  keyId: string,
  overlapSeconds: number,
): Promise<Outcome<VirtualKey> | 'ended'> {
  const database = databaseOf(c);
  const authorship = authorshipOf(c);
  return await untilCommitted(async () => {
    const present = await findKey(database, owner.id, keyId);
    if (!present) return 'unknown';
    const isExpired = present.expiresAt !== null && present.expiresAt <= authorship.at;
    if (present.revokedAt !== null || isExpired) return 'ended';
    // Rotated before, its own expiry is only the end of that overlap; the successor kept the one that was meant.
    const { expiresAt } = (await findSuccessor(database, present)) ?? present;
    const successor = { id: newKeyId(owner.jurisdiction), expiresAt };
    const endsAt = endOf(present, overlapSeconds, Date.parse(authorship.at));
    return (await rotateKey(database, present, { successor, endsAt }, authorship)) ?? 'stale';
  });
}

export const keyRotation = adminRouter();

keyRotation.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/keys/{key_id}/rotate',
    request: { params: keyParams, body: optionalBody(rotation) },
    responses: { ...ERRORS, 201: answer(issuedKeyView, 'The successor with its secret.') },
  }),
  async (c) => {
    const { id, key_id: keyId } = c.req.valid('param');
    const { overlap_seconds: overlapSeconds = DEFAULT_OVERLAP_SECONDS } = c.req.valid('json');
    const requestId = c.get('requestId');
    return await withOwner(c, id, async (owner) => {
      const outcome = await rotate(c, owner, keyId, overlapSeconds);
      if (outcome === 'unknown') return fail(requestId, unknownKey({ id, key_id: keyId }));
      if (outcome === 'contended') return fail(requestId, { why: 'contended' });
      if (outcome === 'ended') {
        const message = `key ${keyId} is revoked or expired; create a new one`;
        return fail(requestId, { why: 'conflict', message });
      }
      return await replyWithSecret(c, owner, outcome);
    });
  },
);
