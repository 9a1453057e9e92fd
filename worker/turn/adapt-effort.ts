/** Fits `output_config`: the effort to the nearest the model accepts, a task budget only where it knows one. */
import {
  type Capabilities,
  EFFORTS,
  type Effort,
  type ThinkingForm,
} from '../../durable-objects/core/catalogue/types.ts';
import { type Edit, isJsonObject, type JsonObject, remove, replace } from '../providers/json-edit.ts';

/** The efforts the model accepts with this form of thinking. */
export function effortsWith(capabilities: Capabilities, form: ThinkingForm | null): readonly Effort[] {
  const isOff = form === 'disabled' || form === 'between_tools';
  return (isOff && capabilities.thinkingOffEfforts) || capabilities.efforts;
}

/** The highest of the allowed that is not above the one asked for, else the lowest; undefined: not an effort. */
export function nearestEffort(asked: unknown, allowed: readonly Effort[]): Effort | undefined {
  const known = EFFORTS.find((effort) => effort === asked);
  if (!known) return undefined;
  const rank = EFFORTS.indexOf(known);
  return allowed.findLast((effort) => EFFORTS.indexOf(effort) <= rank) ?? allowed[0];
}

/** The effort asked for last: a system message between the turns changes it for what comes after. */
export function latestEffort(body: JsonObject): unknown {
  const messages = Array.isArray(body.messages) ? body.messages.filter(isJsonObject) : [];
  const reminders = messages.filter(({ role }) => role === 'system');
  const efforts = [body, ...reminders].map(({ output_config: config }) =>
    isJsonObject(config) ? config.effort : undefined,
  );
  return efforts.findLast((effort) => typeof effort === 'string');
}

/**
 * Where the model takes no efforts by message, the latest of them is the whole request's.
 * An effort of a name nobody knows stays: its refusal is the client's to see.
 */
export function fitOutputConfig(
  body: JsonObject,
  capabilities: Capabilities,
  form: ThinkingForm | null,
): Edit[] {
  const config = body.output_config;
  if (!isJsonObject(config)) return [];
  const refused = [
    ...(capabilities.efforts.length === 0 ? ['effort'] : []),
    ...(capabilities.taskBudget ? [] : ['task_budget']),
  ].filter((name) => Object.hasOwn(config, name));
  if (refused.length > 0 && refused.length === Object.keys(config).length) return [remove(['output_config'])];
  const asked = capabilities.messageEffort ? config.effort : latestEffort(body);
  const nearest = nearestEffort(asked, effortsWith(capabilities, form));
  const isThere = Object.hasOwn(config, 'effort');
  return [
    ...refused.map((name) => remove(['output_config', name])),
    ...(isThere && nearest && nearest !== config.effort
      ? [replace(['output_config', 'effort'], nearest)]
      : []),
  ];
}
