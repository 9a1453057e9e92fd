/**
 * Fits `thinking` to a model: the form asked for where the model accepts it, else the nearest form it does
 * accept, else none. A budget is kept below the request's limit of output.
 */
import {
  hasRoomForBudget,
  MIN_THINKING_BUDGET,
  nearestThinking,
} from '../../durable-objects/core/catalogue/thinking.ts';
import {
  type Capabilities,
  EFFORTS,
  type Effort,
  type ThinkingForm,
} from '../../durable-objects/core/catalogue/types.ts';
import { type Edit, isJsonObject, type JsonObject, remove, replace } from '../providers/json-edit.ts';
import { latestEffort } from './adapt-effort.ts';

export interface FittedThinking {
  /** The form the request ends up with; null: the request names none. */
  form: ThinkingForm | null;
  /** Whether it ends up off although the request doesn't say so: what needs thinking has to go along. */
  turnedOff: boolean;
  edits: Edit[];
}

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
  if (!isJsonObject(thinking)) return { form: null, turnedOff: !capabilities.thinksUnasked, edits: [] };
  const form = nearestThinking(thinking.type, capabilities);
  const fitted = form && inForm(form, thinking, body, maxTokens);
  if (!fitted) {
    return { form: null, turnedOff: !capabilities.thinksUnasked, edits: [remove(['thinking'])] };
  }
  const turnedOff = form === 'disabled' && thinking.type !== 'disabled';
  return { form, turnedOff, edits: fitted === thinking ? [] : [replace(['thinking'], fitted)] };
}

/** Brings the budget of a request that stays with its model below `maxTokens`; nothing else of it is touched. */
export function lowerBudget(
  body: JsonObject,
  maxTokens: number,
): Pick<FittedThinking, 'turnedOff' | 'edits'> {
  const { thinking } = body;
  if (!isJsonObject(thinking) || thinking.type !== 'enabled') return { turnedOff: false, edits: [] };
  const fitted = byBudget(thinking, body, maxTokens);
  if (!fitted) return { turnedOff: true, edits: [remove(['thinking'])] };
  return { turnedOff: false, edits: fitted === thinking ? [] : [replace(['thinking'], fitted)] };
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

/**
 * Thinking by budget. One that no longer fits gets the share of the highest effort: at one token below
 * `max_tokens`, which the API would take, a thought as long as its budget leaves no room for the answer.
 */
function byBudget(thinking: JsonObject, body: JsonObject, maxTokens: number | null): JsonObject | null {
  if (!hasRoomForBudget(maxTokens)) return null;
  const share = (effort: Effort): number =>
    Math.max(Math.floor((maxTokens * BUDGET_PERCENT[effort]) / 100), MIN_THINKING_BUDGET);
  if (thinking.type !== 'enabled') {
    if (isToolForced(body) || resumesWithoutThinking(body)) return null;
    return { type: 'enabled', budget_tokens: share(effortOf(body)), ...display(thinking) };
  }
  return Number(thinking.budget_tokens) < maxTokens ? thinking : { ...thinking, budget_tokens: share('max') };
}

function effortOf(body: JsonObject): Effort {
  const asked = latestEffort(body);
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
