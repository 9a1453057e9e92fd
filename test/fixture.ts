/** A cost center with a policy and a key, straight in D1, and its wallet. */
import { env } from 'cloudflare:workers';
import { nanoUsd } from '../durable-objects/core/money.ts';
import type { TurnFacts } from '../durable-objects/core/turn.ts';
import type { Usage } from '../durable-objects/core/usage.ts';
import { signPolicy } from '../durable-objects/ledger/policy-envelope.ts';
import type { AnswerFacts, OpenRequest, SettleRequest } from '../durable-objects/wallet/rpc.ts';
import type { Wallet } from '../durable-objects/wallet/wallet.ts';
import { issueKey } from '../worker/auth/virtual-key.ts';
import { type Env, readBindings } from '../worker/bindings.ts';
import { turnFacts } from './turn-facts.ts';

declare global {
  namespace Cloudflare {
    interface Env {
      WALLET: DurableObjectNamespace<Wallet>;
    }
  }
}

export const DEVELOPER = 'dev@example.com';

let count = 0;

/** A name no other test of the file uses. */
export function freshCostCenter(): string {
  count += 1;
  return `squad-${count}`;
}

const NOW = '2026-01-01T00:00:00.000Z';

/** Writes what the admin API would: a cost center with one key and, where given, a live policy. */
export async function createCostCenter(
  id: string,
  policy: object | null,
  key: { id?: string; developer?: string; expiresAt?: string } = {},
): Promise<void> {
  const statements = [
    env.DB.prepare(
      `INSERT INTO cost_centers (id, name, timezone, manager_name, manager_email, revision, live_policy_version, created_at, updated_at)
       VALUES (?, ?, 'UTC', 'Mara Manager', 'mara@example.com', 1, ?, ?, ?)`,
    ).bind(id, `Squad ${id}`, policy ? 1 : null, NOW, NOW),
    insertKey(id, key.id ?? keyIdOf(id), key.developer ?? DEVELOPER, 1, key.expiresAt ?? null),
  ];
  if (policy) {
    statements.push(
      env.DB.prepare(
        `INSERT INTO policy_versions (cost_center, version, state, document, warnings, created_at, activated_at, signed)
         VALUES (?, 1, 'live', ?, '[]', ?, ?, ?)`,
      ).bind(id, JSON.stringify(policy), NOW, NOW, await signedPolicy(id, 1, policy)),
    );
  }
  await env.DB.batch(statements);
}

/** The signature that the deployment gives a version which needs no approval, as D1 has it. */
export async function signedPolicy(costCenter: string, version: number, policy: object): Promise<string> {
  const bindings = readBindings(env as unknown as Env);
  if (!bindings.ok) throw new Error(bindings.error);
  const approval = { waived: true as const, actor: 'test', at: NOW };
  const payload = { cost_center: costCenter, version, policy, base_version: null, approval };
  return JSON.stringify(await signPolicy(payload, bindings.value.signingKeys));
}

export function insertKey(
  costCenter: string,
  keyId: string,
  developer: string,
  revision: number,
  expiresAt: string | null = null,
): D1PreparedStatement {
  return env.DB.prepare(
    `INSERT INTO virtual_keys (id, cost_center, developer, tags, enabled, expires_at, revision, created_at, updated_at)
     VALUES (?, ?, ?, '{"team":"a"}', 1, ?, ?, ?, ?)`,
  ).bind(keyId, costCenter, developer, expiresAt, revision, NOW, NOW);
}

/** The key id that `createCostCenter` gives by default. */
export function keyIdOf(costCenter: string): string {
  return `k${costCenter.replace(/\D/g, '').padStart(24, '0')}`;
}

/** The text of a key as a developer holds it. */
export async function keyText(costCenter: string, keyId = keyIdOf(costCenter)): Promise<string> {
  const bindings = readBindings(env as unknown as Env);
  if (!bindings.ok) throw new Error(bindings.error);
  return await issueKey(costCenter, keyId, bindings.value.keySecrets);
}

export function walletStub(costCenter: string): DurableObjectStub<Wallet> {
  return env.WALLET.get(env.WALLET.idFromName(costCenter));
}

export function openRequest(costCenter: string, turnId: string, facts: Partial<TurnFacts> = {}): OpenRequest {
  return {
    turnId,
    costCenter,
    keyId: keyIdOf(costCenter),
    receivedAtMs: Date.UTC(2026, 10, 23, 12),
    facts: turnFacts(facts),
  };
}

export function usageOf(tokens: Partial<Usage['tokens']>, changes: Partial<Usage> = {}): Usage {
  return {
    model: 'claude-opus-5-5',
    tokens: {
      inputTokens: 0,
      cacheWrite5mTokens: 0,
      cacheWrite1hTokens: 0,
      cacheReadTokens: 0,
      outputTokens: 0,
      ...tokens,
    },
    webSearchRequests: 0,
    speed: null,
    inferenceGeo: null,
    serviceTier: 'standard',
    iterations: null,
    ...changes,
  };
}

export const ANSWER: AnswerFacts = {
  provider: 'simulator',
  providerInstance: 'simulator',
  priceMillionths: 1_000_000,
  upstreamCredential: null,
  anthropicVersion: '2023-06-01',
  firstByteAtMs: Date.UTC(2026, 10, 23, 12, 0, 1),
  lastByteAtMs: Date.UTC(2026, 10, 23, 12, 0, 2),
  httpStatus: 200,
  errorType: null,
  stopReason: 'end_turn',
  upstreamRequestId: 'req_upstream',
  responseBytes: 1_000,
};

/** A settlement with exact usage. */
export function completed(turnId: string, usage: Usage): SettleRequest {
  return { turnId, attempt: 1, outcome: { kind: 'completed', usage }, answer: ANSWER };
}

/** USD as nano-USD, for expectations. */
export function usd(amount: number): number {
  return nanoUsd(Math.round(amount * 1e9));
}
