/**
 * What the links of the audit chains are made of. Synchronous, so that a wallet can hash inside its transaction; the
 * Worker, the wallets and the offline verifier all compute hashes here and nowhere else.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { canonicalText } from './signature.ts';

/** What the first link of a chain follows. */
export const GENESIS = '0'.repeat(64);

const encoder = new TextEncoder();

/** SHA-256 of a text in UTF-8, hexadecimal. */
export function sha256Hex(text: string): string {
  return bytesToHex(sha256(encoder.encode(text)));
}

/** SHA-256 of the canonical form (RFC 8785) of a JSON value. Throws on what is no JSON. */
export function digestOf(value: unknown): string {
  return sha256Hex(canonicalText(value));
}

/** A text that UTF-8 can hold: a lone surrogate would come back from D1 as another text, and break the chain. */
export function storable(text: string): string {
  return text.toWellFormed();
}

/** A value as it comes back from a column of JSON. */
export function storableJson(value: unknown): unknown {
  const text = JSON.stringify(value ?? null, (_key, each: unknown) =>
    typeof each === 'string' ? storable(each) : each,
  );
  return JSON.parse(text, (_key, each: unknown) =>
    each instanceof Object && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).map(([name, member]) => [storable(name), member]))
      : each,
  );
}

/** What an event says that pseudonymising may change. */
export interface AuditContent {
  before: unknown;
  after: unknown;
  /** Random, hexadecimal. */
  salt: string;
}

export function contentDigest({ before, after, salt }: AuditContent): string {
  return digestOf({ before, after, salt });
}

/** What of an event of D1's chain is never changed, in the names of its columns. */
export interface AuditFacts {
  sequence: number;
  occurred_at: string;
  actor: string;
  action: string;
  cost_center: string | null;
  target: string;
  request_id: string;
}

/** The hash of an event of D1's chain. */
export function auditHash(facts: AuditFacts, content_digest: string, previous_hash: string): string {
  const { sequence, occurred_at, actor, action, cost_center, target, request_id } = facts;
  return digestOf({
    chain: 'audit_events',
    sequence,
    occurred_at,
    actor,
    action,
    cost_center,
    target,
    request_id,
    content_digest,
    previous_hash,
  });
}

/** An event of a wallet's chain, in the names of its columns. It names keys, sessions and turns, and no person. */
export interface WalletAuditEvent {
  cost_center: string;
  /** From 1, without gaps. */
  sequence: number;
  /** ISO 8601 in UTC, by the wallet's clock. */
  occurred_at: string;
  actor: string;
  action: string;
  target: string;
  details: unknown;
  previous_hash: string;
}

/** With its own hash, as it is kept in D1. */
export type HashedWalletEvent = WalletAuditEvent & { hash: string };

/** The hash of an event of a wallet's chain. */
export function walletAuditHash(event: WalletAuditEvent): string {
  const { cost_center, sequence, occurred_at, actor, action, target, details, previous_hash } = event;
  return digestOf({
    chain: 'wallet',
    cost_center,
    sequence,
    occurred_at,
    actor,
    action,
    target,
    details,
    previous_hash,
  });
}

/** The last link of a chain. */
export interface ChainHead {
  sequence: number;
  hash: string;
}

export const EMPTY_CHAIN: ChainHead = { sequence: 0, hash: GENESIS };
