/**
 * Fits `thinking` to a model: the form asked for where the model accepts it, else the nearest form it does
 * accept, else none. What thinking brings with it in the request is fitted along.
 */
import {
  type Capabilities,
  EFFORTS,
  type Effort,
  type ThinkingForm,
} from '../../durable-objects/core/catalogue/types.ts';
import { type Edit, isJsonObject, type JsonObject, remove, replace } from './adapt-edit.ts';

export interface FittedThinking {
  /** The form the request ends up with; null: the request names none. */
  form: ThinkingForm | null;
  edits: Edit[];
}

/** The forms to try in turn; thinking that cannot be off is left to the model's own judgement. */
const NEAREST: ReadonlyMap<unknown, readonly ThinkingForm[]> = new Map([
  ['enabled', ['enabled', 'adaptive']],
  ['adaptive', ['adaptive', 'enabled']],
  ['disabled', ['disabled', 'between_tools', 'adaptive']],
  ['between_tools', ['between_tools', 'disabled', 'adaptive']],
]);

/** The API's smallest `budget_tokens`. */
const MIN_BUDGET = 1024;

/**
 * Share of `max_tokens` to think in, where a budget takes the place of an effort: what is left is for the answer.
 * Our choice; the API leaves it to the caller.
 */
const BUDGET_PERCENT: Record<Effort, number> = { low: 20, medium: 35, high: 50, xhigh: 65, max: 80 };

/** `maxTokens` is the request's limit of output after fitting, null where it has none. */
export function fitThinking(
  body: JsonObject,
  capabilities: Capabilities,
  maxTokens: number | null,
): FittedThinking {
  const { thinking } = body;
  if (!isJsonObject(thinking)) {
    // Newer models think unasked; one that knows no adaptive thinking doesn't.
    return { form: null, edits: capabilities.thinking.includes('adaptive') ? [] : withoutClearing(body) };
  }
  const forms = NEAREST.get(thinking.type) ?? [];
  const form = forms.find((each) => capabilities.thinking.includes(each)) ?? null;
  const fitted = form && inForm(form, thinking, body, maxTokens);
  if (!fitted) return { form: null, edits: [remove(['thinking']), ...withoutClearing(body)] };
  const edits = fitted === thinking ? [] : [replace(['thinking'], fitted)];
  if (form === 'disabled' && thinking.type !== 'disabled') edits.push(...withoutClearing(body));
  return { form, edits };
}

/** The `thinking` member in the given form, itself where it fits; null where this request can't have it. */
function inForm(
  form: ThinkingForm,
  thinking: JsonObject,
  body: JsonObject,
  maxTokens: number | null,
): JsonObject | null {
  if (form === 'enabled') return byBudget(thinking, body, maxTokens);
  if (form === thinking.type) return thinking;
  return form === 'adaptive' && thinking.type === 'enabled'
    ? { type: form, ...display(thinking) }
    : { type: form };
}

/** Thinking by budget, which has to stay below `max_tokens`. */
function byBudget(thinking: JsonObject, body: JsonObject, maxTokens: number | null): JsonObject | null {
  if (maxTokens === null || maxTokens <= MIN_BUDGET) return null;
  if (thinking.type !== 'enabled') {
    if (isToolForced(body) || resumesWithoutThinking(body)) return null;
    const share = Math.floor((maxTokens * BUDGET_PERCENT[effortOf(body)]) / 100);
    return { type: 'enabled', budget_tokens: Math.max(share, MIN_BUDGET), ...display(thinking) };
  }
  if (Number(thinking.budget_tokens) < maxTokens) return thinking;
  return { ...thinking, budget_tokens: maxTokens - 1 };
}

function effortOf(body: JsonObject): Effort {
  const asked = isJsonObject(body.output_config) ? body.output_config.effort : null;
  return EFFORTS.find((effort) => effort === asked) ?? 'high';
}

/** The values of `display` that thinking by budget and adaptive thinking have in common. */
function display(thinking: JsonObject): JsonObject {
  const shared = thinking.display === 'summarized' || thinking.display === 'omitted';
  return shared ? { display: thinking.display } : {};
}

/** Thinking by budget is refused beside a tool choice that forces a tool; the choice is what the client needs. */
function isToolForced(body: JsonObject): boolean {
  return (
    isJsonObject(body.tool_choice) && (body.tool_choice.type === 'any' || body.tool_choice.type === 'tool')
  );
}

/**
 * Whether the request goes on from a tool call that no thinking preceded. Adaptive thinking allows it; thinking by
 * budget is refused there ("a final `assistant` message must start with a thinking block").
 */
function resumesWithoutThinking(body: JsonObject): boolean {
  const messages = Array.isArray(body.messages) ? body.messages.filter(isJsonObject) : [];
  const content = messages.findLast((message) => message.role === 'assistant')?.content;
  const types = Array.isArray(content) ? content.filter(isJsonObject).map((block) => block.type) : [];
  return types.includes('tool_use') && types[0] !== 'thinking' && types[0] !== 'redacted_thinking';
}

/** Takes out the context edits that clear thinking: they are refused where thinking is off. */
function withoutClearing(body: JsonObject): Edit[] {
  const management = body.context_management;
  if (!isJsonObject(management) || !Array.isArray(management.edits)) return [];
  const clears = (edit: unknown): boolean =>
    isJsonObject(edit) && String(edit.type).startsWith('clear_thinking_');
  const kept = management.edits.filter((edit) => !clears(edit));
  if (kept.length === management.edits.length) return [];
  const isAll = kept.length === 0 && Object.keys(management).length === 1;
  return [isAll ? remove(['context_management']) : replace(['context_management', 'edits'], kept)];
}
