/** A developer's wish to step one of their sessions down early: kept, and told to the audit chain where it is news. */
import { recordPreference } from './audit-acts.ts';
import type { WalletState } from './state.ts';

export interface Wish {
  keyId: string;
  session: string;
  /** Null takes an earlier wish back. */
  model: string | null;
}

/** Call inside a transaction. */
export function savePreference(state: WalletState, { keyId, session, model }: Wish, developer: string): void {
  const before = state.sessions.preference(session, developer);
  state.sessions.savePreference(session, developer, model, state.clock.now());
  if (before !== model) recordPreference(state, keyId, session, { before, after: model });
}
