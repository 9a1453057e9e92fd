/** The line between the app and its wallets, on which a test can lose, delay or double what is said. */
import { env } from 'cloudflare:workers';
import type { WalletRpc } from '../../durable-objects/wallet/rpc.ts';
import type { Wallet } from '../../durable-objects/wallet/wallet.ts';

export interface WalletCall {
  method: keyof WalletRpc;
  /** What is said, in order. */
  said: unknown[];
  /** Lets the wallet hear it, and brings its answer; may be called again. */
  deliver(): Promise<unknown>;
}

export interface WalletLine {
  /** For the app's `WALLET`. */
  wallets: DurableObjectNamespace<Wallet>;
  /** Every call so far, in order. */
  calls: WalletCall[];
  callsOf(method: keyof WalletRpc): WalletCall[];
}

/** What becomes of a call; `nth` counts the calls of its method from 1. */
export type Fate = (call: WalletCall, nth: number) => Promise<unknown>;

/** A line to the real wallets on which the calls of `method` meet their fate; all others arrive. */
export function walletLine(method: keyof WalletRpc, fate: Fate): WalletLine {
  const calls: WalletCall[] = [];
  const callsOf = (name: keyof WalletRpc): WalletCall[] => calls.filter((call) => call.method === name);
  const meet = (call: WalletCall): Promise<unknown> => {
    calls.push(call);
    return call.method === method ? fate(call, callsOf(method).length) : call.deliver();
  };
  const wallets = new Proxy(env.WALLET, {
    get(namespace, name) {
      if (name !== 'get') return bound(namespace, name);
      return (id: DurableObjectId) => lineTo(namespace.get(id), meet);
    },
  });
  return { wallets, calls, callsOf };
}

function lineTo(
  stub: DurableObjectStub<Wallet>,
  meet: (call: WalletCall) => Promise<unknown>,
): DurableObjectStub<Wallet> {
  return new Proxy(stub, {
    get(target, name) {
      if (!isCall(name)) return bound(target, name);
      return (...said: unknown[]) =>
        meet({
          method: name,
          said,
          deliver: async () => await Reflect.apply(Reflect.get(target, name), target, said),
        });
    },
  });
}

const CALLS: Record<keyof WalletRpc, true> = {
  open: true,
  reopen: true,
  prefer: true,
  caller: true,
  redeem: true,
  renew: true,
  settle: true,
  authorize: true,
  view: true,
  guard: true,
  requested: true,
  holds: true,
  totals: true,
  gauges: true,
  endHold: true,
  refresh: true,
  rename: true,
  raise: true,
};

function isCall(name: string | symbol): name is keyof WalletRpc {
  return typeof name === 'string' && Object.hasOwn(CALLS, name);
}

function bound(target: object, name: string | symbol): unknown {
  const member: unknown = Reflect.get(target, name);
  return typeof member === 'function' ? member.bind(target) : member;
}

export async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

export const BROKEN = new Error('Network connection lost.');
