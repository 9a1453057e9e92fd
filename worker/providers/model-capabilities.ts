/** A model's capabilities in the shape of the Models API, from what the catalogue knows of it. */
import type {
  CapabilitySupport,
  EffortCapability,
  ModelCapabilities,
} from '@anthropic-ai/sdk/resources/models';
import type { Capabilities, Effort, ThinkingForm } from '../../durable-objects/core/catalogue/types.ts';

/** What no turn is fitted by, and so the catalogue has no field for: every model that is not retired has it. */
const EVERYWHERE = {
  batch: support(true),
  citations: support(true),
  code_execution: support(true),
  image_input: support(true),
  pdf_input: support(true),
  server_tools: { supported: true, code_execution: support(true), web_search: support(true) },
  structured_outputs: support(true),
} satisfies Partial<ModelCapabilities>;

export function describeCapabilities(capabilities: Capabilities): ModelCapabilities {
  const { thinking } = capabilities;
  const thinks = thinking.includes('enabled') || thinking.includes('adaptive');
  const form = (name: ThinkingForm): CapabilitySupport => support(thinking.includes(name));
  return {
    ...EVERYWHERE,
    context_management: {
      supported: true,
      clear_thinking_20251015: support(thinks),
      clear_tool_uses_20250919: support(true),
      compact_20260112: support(capabilities.compaction),
    },
    effort: describeEfforts(capabilities.efforts),
    thinking: {
      supported: thinks,
      types: {
        adaptive: form('adaptive'),
        between_tools: form('between_tools'),
        // The API has it true on a model that doesn't think at all.
        disabled: support(!thinks || thinking.includes('disabled')),
        enabled: form('enabled'),
      },
    },
  };
}

function describeEfforts(efforts: readonly Effort[]): EffortCapability {
  const level = (name: Effort): CapabilitySupport => support(efforts.includes(name));
  return {
    supported: efforts.length > 0,
    low: level('low'),
    medium: level('medium'),
    high: level('high'),
    xhigh: level('xhigh'),
    max: level('max'),
  };
}

export function support(supported: boolean): CapabilitySupport {
  return { supported };
}
