/**
 * The ways a turn can take through Bursar: how the client speaks and who answers. Each kind of upstream has a cost center
 * of its own, so that all of them are ways through one Worker.
 */
import type { Speech } from './body.ts';

export interface Way {
  name: string;
  speech: Speech;
  /** Whose providers answer. */
  costCenter: CostCenter;
}

export type CostCenter = 'bench' | 'bench-invoke' | 'bench-mantle' | 'bench-two';

/** Measured by itself and what the others are held against. */
export const NATIVE_WAY: Way = { name: 'Anthropic', speech: 'messages', costCenter: 'bench' };

export const WAYS: readonly [Way, ...Way[]] = [
  NATIVE_WAY,
  { name: 'OpenAI in', speech: 'openai', costCenter: 'bench' },
  { name: 'InvokeModel', speech: 'messages', costCenter: 'bench-invoke' },
  { name: 'mantle', speech: 'messages', costCenter: 'bench-mantle' },
  { name: 'Bedrock in', speech: 'bedrock', costCenter: 'bench' },
  // Two providers: a turn could go on to the other one, so the answer's first bytes are waited for.
  { name: 'one of two', speech: 'messages', costCenter: 'bench-two' },
];

/** Vars and secrets for providers at `upstream` that serve one cost center each. */
export function providerBindings(upstream: string): Record<string, string> {
  const anthropic = { kind: 'anthropic', url: upstream };
  const bedrock = { url: upstream, region: 'eu-central-1', secret: 'AWS_KEYS' };
  const providers = [
    { id: 'anthropic', ...anthropic, cost_centers: ['bench'] },
    { id: 'invoke', kind: 'bedrock', ...bedrock, cost_centers: ['bench-invoke'] },
    { id: 'mantle', kind: 'bedrock-mantle', ...bedrock, cost_centers: ['bench-mantle'] },
    { id: 'first', ...anthropic, cost_centers: ['bench-two'] },
    { id: 'second', ...anthropic, cost_centers: ['bench-two'] },
  ];
  return {
    PROVIDERS: JSON.stringify(providers),
    AWS_KEYS: `AKIABENCHBENCHBENCH0:${'bench'.repeat(8)}`,
  };
}
