/** What the edge gives every data-plane request. */
import type { Context } from 'hono';
import type { WalletRpc } from '../../durable-objects/wallet/rpc.ts';
import type { AppEnv } from '../app-env.ts';
import { jurisdictionOf, type VerifiedKey } from '../auth/virtual-key.ts';
import type { Bindings } from '../bindings.ts';
import type { Providers } from '../providers/provider.ts';
import { walletOf } from '../store/wallets.ts';

export interface Edge {
  bindings: Bindings;
  providers: Providers;
  /** Stands in Bursar's own answers; an upstream's answer carries the upstream's. */
  requestId: string;
  /** Keeps the Worker alive for work that outlasts the answer. */
  waitUntil(work: Promise<unknown>): void;
}

/** The wallet a key spends from. A fresh stub at each call: one that met an error answers nothing any more. */
export function walletOfKey(edge: Edge, key: VerifiedKey): WalletRpc {
  return walletOf(edge.bindings, key.costCenter, jurisdictionOf(key.keyId));
}

export function edgeOf(context: Context<AppEnv>): Edge {
  const { bindings, providers, requestId } = context.var;
  const waitUntil = (work: Promise<unknown>): void => context.executionCtx.waitUntil(work);
  return { bindings, providers, requestId, waitUntil };
}
