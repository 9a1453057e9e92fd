/**
 * Circuit breakers: which providers this isolate has just seen fail for a model, and until when they are left alone. Kept
 * in memory only: another isolate learns by itself, and after a restart everybody is asked again.
 */
import type { Provider } from '../providers/provider.ts';

/** Failures in a row that open a circuit. */
const FAILURES_TO_OPEN = 3;
const FIRST_REST_MS = 10_000;
const LONGEST_REST_MS = 60_000;
/** A provider that asks for more than this is asked again all the same. */
const LONGEST_RETRY_AFTER_MS = 300_000;
/** One turn tries whether a provider is well again; the others wait this long for what it finds. */
const TRIAL_MS = 5_000;
/** Models are named by clients: a provider that fails for ever new names must not fill the memory. */
const CIRCUITS_KEPT = 200;

interface Circuit {
  /** In a row. */
  failures: number;
  /** Epoch ms; 0: closed. */
  restsUntilMs: number;
  /** The provider itself said until when. */
  isAskedFor: boolean;
}

/** `asked`: the provider said until when it wants none; `broken`: it failed too often. */
export type Rest = { why: 'asked' | 'broken'; untilMs: number };

const circuits = new WeakMap<Provider, Map<string, Circuit>>();

function circuitOf(provider: Provider, model: string): Circuit {
  const ofProvider = circuits.get(provider) ?? new Map<string, Circuit>();
  circuits.set(provider, ofProvider);
  const circuit = ofProvider.get(model) ?? { failures: 0, restsUntilMs: 0, isAskedFor: false };
  ofProvider.set(model, circuit);
  const [oldest] = ofProvider.keys();
  if (ofProvider.size > CIRCUITS_KEPT && oldest !== undefined) ofProvider.delete(oldest);
  return circuit;
}

/** Whether a provider is to be left alone for a model; null: it may be asked. */
export function restOf(provider: Provider, model: string, nowMs: number): Rest | null {
  const circuit = circuits.get(provider)?.get(model);
  if (!circuit || circuit.restsUntilMs <= nowMs) return null;
  return { why: circuit.isAskedFor ? 'asked' : 'broken', untilMs: circuit.restsUntilMs };
}

/** A turn is about to ask it: where its rest is just over, this is the one that tries. */
export function noteAsked(provider: Provider, model: string, nowMs: number): void {
  const circuit = circuits.get(provider)?.get(model);
  if (!circuit || circuit.restsUntilMs === 0 || circuit.restsUntilMs > nowMs) return;
  circuit.restsUntilMs = nowMs + TRIAL_MS;
  circuit.isAskedFor = false;
}

/** It answered. */
export function noteWell(provider: Provider, model: string): void {
  circuits.get(provider)?.delete(model);
}

/** It failed. `retryAfterMs`: what it asked for; null: nothing. */
export function noteFailure(
  provider: Provider,
  model: string,
  retryAfterMs: number | null,
  nowMs: number,
): void {
  const circuit = circuitOf(provider, model);
  circuit.failures += 1;
  if (retryAfterMs !== null) {
    circuit.restsUntilMs = nowMs + Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS);
    circuit.isAskedFor = true;
  } else if (circuit.failures >= FAILURES_TO_OPEN) {
    const restMs = FIRST_REST_MS * 2 ** (circuit.failures - FAILURES_TO_OPEN);
    circuit.restsUntilMs = nowMs + Math.min(restMs, LONGEST_REST_MS);
    circuit.isAskedFor = false;
  } else {
    circuit.restsUntilMs = 0;
  }
}
