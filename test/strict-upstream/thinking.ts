/** Checks of `thinking`, `output_config` and what depends on them. */
import {
  CAPS_EFFORT_WITHOUT_THINKING,
  EFFORT_TO_HIGH,
  type ModelName,
  REFUSES_ADAPTIVE,
  REFUSES_COMPACTION,
  REFUSES_DISABLED,
  TAKES_BETWEEN_TOOLS,
  TAKES_BUDGET,
  TAKES_TASK_BUDGET,
  THINKS_UNASKED,
  WITHOUT_EFFORT,
  WITHOUT_XHIGH,
} from './models.ts';
import { badRequest, type Refusal, type StrictRequest } from './refusal.ts';

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];

export function checkThinking({ thinking, max_tokens }: StrictRequest, model: ModelName): Refusal | null {
  switch (thinking?.type) {
    case undefined:
      return null;
    case 'enabled':
      return checkBudget(thinking.budget_tokens, max_tokens, model);
    case 'adaptive':
      return REFUSES_ADAPTIVE.includes(model)
        ? badRequest('adaptive thinking is not supported on this model')
        : null;
    case 'disabled':
      return REFUSES_DISABLED.includes(model) ? notForThisModel('disabled') : null;
    case 'between_tools':
      return TAKES_BETWEEN_TOOLS.includes(model) ? null : notForThisModel('between_tools');
    default:
      return badRequest(
        `thinking: Input tag '${thinking?.type}' found using 'type' does not match any of the expected tags`,
      );
  }
}

function notForThisModel(form: string): Refusal {
  return badRequest(
    `"thinking.type.${form}" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`,
  );
}

function checkBudget(budget: number | undefined, maxTokens: number, model: ModelName): Refusal | null {
  if (!TAKES_BUDGET.includes(model)) return notForThisModel('enabled');
  if (budget === undefined) return badRequest('thinking.enabled.budget_tokens: Field required');
  if (budget < 1024) {
    return badRequest('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024');
  }
  return budget < maxTokens
    ? null
    : badRequest('`max_tokens` must be greater than `thinking.budget_tokens`.');
}

/** Whether the model thinks over this request. */
export function thinks({ thinking }: StrictRequest, model: ModelName): boolean {
  if (!thinking) return THINKS_UNASKED.includes(model);
  return thinking.type === 'enabled' || thinking.type === 'adaptive';
}

export function checkOutputConfig(request: StrictRequest, model: ModelName): Refusal | null {
  const config = request.output_config;
  if (!config) return null;
  if (config.task_budget !== undefined && !TAKES_TASK_BUDGET.includes(model)) {
    return badRequest('output_config.task_budget: Extra inputs are not permitted');
  }
  if (Object.hasOwn(config, 'effort') && WITHOUT_EFFORT.includes(model)) {
    return badRequest('This model does not support the effort parameter.');
  }
  return checkEffort(config.effort ?? 'high', request, model);
}

/** One effort, of the whole request or of a message in it. */
export function checkEffort(effort: string, request: StrictRequest, model: ModelName): Refusal | null {
  if (!EFFORTS.includes(effort))
    return badRequest("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'");
  const isAboveHigh = effort === 'xhigh' || effort === 'max';
  if (
    (isAboveHigh && EFFORT_TO_HIGH.includes(model)) ||
    (effort === 'xhigh' && WITHOUT_XHIGH.includes(model))
  ) {
    return badRequest(`output_config.effort '${effort}' is not supported on this model.`);
  }
  if (!isAboveHigh || thinks(request, model) || !CAPS_EFFORT_WITHOUT_THINKING.includes(model)) return null;
  return badRequest(
    `output_config.effort '${effort}' is not supported when thinking is disabled on this model. Use effort 'high' or below, or enable thinking.`,
  );
}

export function checkContextManagement(request: StrictRequest, model: ModelName): Refusal | null {
  for (const { type } of request.context_management?.edits ?? []) {
    if (type.startsWith('clear_thinking_') && !thinks(request, model)) {
      return badRequest(
        `context_management: \`${type}\` strategy requires \`thinking\` to be enabled or adaptive`,
      );
    }
    if (type.startsWith('compact_') && REFUSES_COMPACTION.includes(model)) {
      return badRequest(`context_management: \`${type}\` is not supported on this model`);
    }
  }
  return null;
}
