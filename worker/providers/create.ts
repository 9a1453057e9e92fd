/** The providers a deployment is bound to. */
import type { ProviderSettings } from '../../durable-objects/core/provider-settings.ts';
import { createAnthropicProvider } from './anthropic.ts';
import { createBedrockProvider } from './bedrock/bedrock.ts';
import type { Provider, Providers } from './provider.ts';
import { createSimulatorProvider } from './simulator/simulator.ts';

/** One provider for each of the settings, in their order. */
export async function createProviders(
  settings: readonly [ProviderSettings, ...ProviderSettings[]],
): Promise<Providers> {
  const [first, ...rest] = settings;
  return [await createProvider(first), ...(await Promise.all(rest.map(createProvider)))];
}

async function createProvider(settings: ProviderSettings): Promise<Provider> {
  switch (settings.kind) {
    case 'anthropic':
      return await createAnthropicProvider(settings);
    case 'bedrock':
    case 'bedrock-mantle':
      return await createBedrockProvider(settings);
    case 'simulator':
      return createSimulatorProvider({}, settings);
  }
}
