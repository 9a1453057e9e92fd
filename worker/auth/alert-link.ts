/**
 * Links in alerts: what one carries is signed, so that whoever holds it may do this one thing once, and nothing else.
 * Whether it was used is D1's to know.
 */
import { z } from 'zod';
import { verifyText } from '../../durable-objects/ledger/sealed.ts';
import type { KeySecret } from '../bindings.ts';

const PURPOSE = 'alert-link';
/** Longer than any link is. */
const MAX_LENGTH = 4_096;

export const LINK_ACTIONS = ['raise_until_midnight', 'raise_to', 'approve', 'deny', 'leave'] as const;
export type LinkAction = (typeof LINK_ACTIONS)[number];

const payloadSchema = z.object({
  id: z.string().min(1),
  /** The alert event that it stood in. */
  event: z.string().min(1),
  cost_center: z.string(),
  action: z.enum(LINK_ACTIONS),
  budget: z.string().nullable(),
  subject: z.string().nullable(),
  /** Of an increase request. */
  request: z.string().nullable(),
  /** Epoch seconds. */
  expires: z.number().int(),
});

export type AlertLink = z.output<typeof payloadSchema>;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What a link says; null where it was altered, or its secret is no longer listed. It may have expired. */
export async function readAlertLink(
  signed: string,
  secrets: readonly KeySecret[],
): Promise<AlertLink | null> {
  if (signed.length > MAX_LENGTH) return null;
  const text = await verifyText(signed, PURPOSE, secrets);
  const payload = text === null ? null : payloadSchema.safeParse(jsonOf(text));
  return payload?.success ? payload.data : null;
}
