/** A refusal that says where to ask for more. */
import type { OpenReply } from '../../durable-objects/wallet/rpc.ts';
import { askToken } from '../auth/ask-link.ts';
import type { Turn } from './attempt.ts';
import type { Edge } from './edge.ts';

type Refused = Extract<OpenReply, { status: 'refused' }>;

/**
 * The refusal with a link behind its sentence, where a budget refused that can be raised and the deployment knows its
 * own address.
 */
export async function withAskLink(reply: Refused, { key }: Turn, { bindings }: Edge): Promise<Refused> {
  const { refusal } = reply;
  const { standing } = refusal;
  const { publicUrl, keySecrets } = bindings;
  if (refusal.why !== 'budget' || refusal.retryable || !standing || publicUrl === null) return reply;
  // A limit of zero is meant: no request could be for more.
  if (standing.limitNanoUsd === standing.raisedNanoUsd) return reply;
  const session = standing.scope === 'session' ? standing.subject : null;
  const token = await askToken({ keyId: key.keyId, budget: standing.id, session }, keySecrets, Date.now());
  const message = `${refusal.message} Ask for more: ${publicUrl}/ask/${token}`;
  return { ...reply, refusal: { ...refusal, message } };
}
