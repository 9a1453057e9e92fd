/** Requests to a simulator, and its answers read to the end. */
import type { Provider, ProviderRequest } from '../../../worker/providers/provider.ts';
import { createPromptCache } from '../../../worker/providers/simulator/prompt-cache.ts';
import { createSimulatorProvider } from '../../../worker/providers/simulator/simulator.ts';
import { bytes } from '../recorded.ts';

export const MODEL = 'claude-sonnet-5-5';

/** A simulator with a prompt cache of its own. */
export function freshSimulator(): Provider {
  return createSimulatorProvider({ cache: createPromptCache() });
}

export function body(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { model: MODEL, max_tokens: 1000, messages: [{ role: 'user', content: 'say hi' }], ...changes };
}

export interface Asked {
  path?: string;
  method?: ProviderRequest['method'];
  /** `x-bursar-simulate`; instant unless told otherwise. */
  simulate?: string;
  seed?: string;
  signal?: AbortSignal;
}

export function ask(provider: Provider, content: unknown, asked: Asked = {}): Promise<Response> {
  const headers = new Headers({ 'x-bursar-simulate': asked.simulate ?? 'pace=0' });
  if (asked.seed) headers.set('x-bursar-simulate-seed', asked.seed);
  return provider.send({
    path: asked.path ?? '/v1/messages',
    method: asked.method ?? 'POST',
    model: null,
    headers,
    body: content === null ? null : bytes(typeof content === 'string' ? content : JSON.stringify(content)),
    signal: asked.signal ?? new AbortController().signal,
  });
}

/** The data of a stream's events. */
export function eventsIn(text: string): { type: string; [field: string]: unknown }[] {
  return Array.from(text.matchAll(/^data: (.*)$/gm), ([, data = '']) => JSON.parse(data));
}
