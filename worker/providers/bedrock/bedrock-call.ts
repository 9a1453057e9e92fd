/** A call of one model at Bedrock, by either endpoint. */
import type { ProviderSettings } from '../../../durable-objects/core/provider-settings.ts';
import type { Access } from './access.ts';

/** A provider to call. */
export interface Endpoint {
  settings: ProviderSettings;
  /** Without a slash at the end. */
  url: string;
  access: Access;
}

export interface BedrockCall {
  endpoint: Endpoint;
  /** What Bedrock knows the model by. */
  id: string;
  /** Its first-party name. */
  model: string;
  /** In the terms of the Messages API. */
  body: Uint8Array;
  headers: Headers;
  signal: AbortSignal;
}
