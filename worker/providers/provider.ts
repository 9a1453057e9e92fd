/**
 * The contract of an upstream. A provider turns a turn's request into its own wire format and back; it never
 * decides, meters into a wallet or touches storage. Everything it is given may be forwarded: the client's
 * credential and Bursar's own headers have been taken out before.
 */
import type { ProviderKind, ProviderSettings } from '../../durable-objects/core/provider-settings.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { Usage } from '../../durable-objects/core/usage.ts';

export interface ProviderRequest {
  /** The request's path and query as the client sent it, from `/v1` on ("/v1/messages?beta=true"). */
  path: string;
  method: 'GET' | 'POST' | 'HEAD';
  /** The model to serve, by its first-party name, which also stands in the body; null where a call is about none. */
  model: string | null;
  /** Headers fit to forward (see turn/forward.ts), `anthropic-version` present. */
  headers: Headers;
  body: Uint8Array | null;
  /** Aborts the upstream call, in head or body. */
  signal: AbortSignal;
}

/** What is known of a running or finished answer. */
export interface MeterReading {
  /** Exact figures as far as the upstream has sent them; null before the first. Output may be partial. */
  usage: Usage | null;
  /** Whether `usage.tokens.outputTokens` is the upstream's final word. */
  final: boolean;
  stopReason: string | null;
  /** Upstream's id of the message or null. */
  messageId: string | null;
  /** Characters of text, thinking and tool input that streamed so far. */
  outputCharacters: number;
  /** Whether any content came at all: a refusal before it is not charged. */
  contentSeen: boolean;
  /** Time in ms the model spent in silence since message_start (thinking that is not shown). */
  silentMs: number;
  /** An error event in the stream, after a 200 head; null where none came. */
  error: { type: string; message: string } | null;
}

/** Reads the usage beside an answer that passes through untouched. */
export interface Meter {
  /** Takes the next bytes of the body as they pass; never throws, never keeps them. `nowMs` is epoch ms. */
  push(chunk: Uint8Array, nowMs: number): void;
  /** The body ended by itself. */
  end(nowMs: number): void;
  /** Cheap; may be called at any time. `nowMs` counts a silence that still lasts. */
  read(nowMs: number): MeterReading;
}

/** All of a deployment, in the order they are listed. */
export type Providers = readonly [Provider, ...Provider[]];

export interface Provider
  extends Pick<ProviderSettings, 'id' | 'weight' | 'costCenters' | 'priceMillionths'> {
  /** The kind, as recorded in the ledger: "anthropic", "simulator". */
  readonly name: ProviderKind;
  /** Which credential it uses, as an id that tells nothing of the secret; null where it has none. */
  readonly credentialId: string | null;
  /** Whether it has the model, by its first-party name. */
  serves(model: string): boolean;
  /** What of a turn it cannot do, in a word or two for an error ("server tools"); null: it can take the turn. */
  lacks(facts: TurnFacts): string | null;
  /**
   * Calls the upstream with a request of the Messages API, count_tokens or models, and answers in the same API's terms:
   * JSON, server-sent events, error envelopes with the upstream's own wording. Rejects only where no answer came
   * (connection failed, aborted).
   */
  send(request: ProviderRequest): Promise<Response>;
  /** A meter for a successful answer to `/v1/messages`; `contentType` is the answer's. */
  meter(contentType: string): Meter;
}
