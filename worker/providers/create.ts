/** The provider a deployment is bound to. */
import type { ProviderBindings } from '../bindings.ts';
import { createAnthropicProvider } from './anthropic.ts';
import type { Provider } from './provider.ts';
import { createSimulatorProvider } from './simulator/simulator.ts';

export async function createProvider(bindings: ProviderBindings): Promise<Provider> {
  return bindings.name === 'simulator' ? createSimulatorProvider() : await createAnthropicProvider(bindings);
}
