/** What a manager can do about an event, a signed link each; who opens one first sees a page, and changes nothing. */

import type { SealingSecret } from '../core/sealing-secret.ts';
import type { AlertEvent } from '../ledger/entry.ts';
import { signText } from '../ledger/sealed.ts';
import type { MessageLink } from './message.ts';
import { requestIdOf } from './wording.ts';

type LinkAction = 'raise_until_midnight' | 'raise_to' | 'approve' | 'deny' | 'leave';

/** What a link carries, signed for the purpose `alert-link`. */
export interface LinkPayload {
  /** Each can be used once. */
  id: string;
  event: string;
  cost_center: string;
  action: LinkAction;
  budget: string | null;
  subject: string | null;
  /** Of an increase request. */
  request: string | null;
  /** Epoch seconds. */
  expires: number;
}

export const LINK_PURPOSE = 'alert-link';
const HOUR_S = 3_600;
const VALID_S = 72 * HOUR_S;
const REQUEST_VALID_S = 24 * HOUR_S;

const LABELS: Record<LinkAction, string> = {
  raise_until_midnight: 'Raise until midnight',
  raise_to: 'Raise to a number',
  approve: 'Approve',
  deny: 'Deny',
  leave: 'Leave it',
};

function actionsFor(event: AlertEvent): readonly LinkAction[] {
  if (requestIdOf(event) !== null) return ['approve', 'deny'];
  if (event.budget === null) return [];
  return ['raise_until_midnight', 'raise_to', 'leave'];
}

/** Whether there is anything to do about it. */
export function isActionable(event: AlertEvent): boolean {
  return actionsFor(event).length > 0;
}

/**
 * The links of an event. They are the same in every try: they count from `fromMs` (epoch ms), when the message could
 * first be sent.
 */
export async function linksFor(
  event: AlertEvent,
  options: { publicUrl: string; secret: SealingSecret; fromMs: number },
): Promise<MessageLink[]> {
  const request = requestIdOf(event);
  const valid = request === null ? VALID_S : REQUEST_VALID_S;
  return await Promise.all(
    actionsFor(event).map(async (action) => {
      const payload: LinkPayload = {
        id: `${event.event_id}-${action}`,
        event: event.event_id,
        cost_center: event.cost_center,
        action,
        budget: event.budget,
        subject: event.subject,
        request,
        expires: Math.floor(options.fromMs / 1_000) + valid,
      };
      const signed = await signText(JSON.stringify(payload), LINK_PURPOSE, options.secret);
      return { label: LABELS[action], url: `${options.publicUrl}/alerts/act/${signed}` };
    }),
  );
}
