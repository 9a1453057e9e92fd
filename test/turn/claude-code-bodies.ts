/**
 * Bodies in the shape Claude Code 2.1.330 sends them, model by model: recorded from the real client on loopback,
 * with its prose cut short. Members stand in its order.
 */

/** How the client asks each model, where that differs. */
interface Asking {
  maxTokens: number;
  /** Null: thinking by a budget of all but one token of `maxTokens`, and no effort but Opus 4.5's. */
  effort: string | null;
  /** What it says between turns as `system`, and whether with the effort beside it. */
  reminders: 'user' | 'system' | 'system with effort';
}

const NEWEST: Asking = { maxTokens: 128_000, effort: 'medium', reminders: 'system with effort' };

const ASKING: Record<string, Asking> = {
  'claude-fable-5-2': NEWEST,
  'claude-fable-5-1': NEWEST,
  'claude-fable-5': { maxTokens: 64_000, effort: 'high', reminders: 'system' },
  'claude-opus-5-5': NEWEST,
  'claude-opus-5': { maxTokens: 64_000, effort: 'high', reminders: 'system' },
  'claude-opus-4-8': { maxTokens: 64_000, effort: 'high', reminders: 'system' },
  'claude-opus-4-7': { maxTokens: 64_000, effort: 'xhigh', reminders: 'user' },
  'claude-opus-4-6': { maxTokens: 64_000, effort: 'high', reminders: 'user' },
  'claude-opus-4-5': { maxTokens: 32_000, effort: null, reminders: 'user' },
  'claude-sonnet-5-5': NEWEST,
  // The client says `system` to Sonnet 5 too, although that is documented not to take it.
  'claude-sonnet-5': { maxTokens: 64_000, effort: 'high', reminders: 'system' },
  'claude-sonnet-4-6': { maxTokens: 32_000, effort: 'high', reminders: 'user' },
  'claude-sonnet-4-5': { maxTokens: 32_000, effort: null, reminders: 'user' },
  'claude-haiku-5-5': NEWEST,
  'claude-haiku-4-5': { maxTokens: 32_000, effort: null, reminders: 'user' },
};

export const ASKED_MODELS: readonly string[] = Object.keys(ASKING);

const CACHED = { type: 'ephemeral', ttl: '1h' };
const SCHEMA = { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] };
const TOOLS = [
  { name: 'Bash', description: 'Runs a command.', input_schema: SCHEMA },
  { name: 'ToolSearch', description: 'Finds tools.', input_schema: SCHEMA },
  { name: 'DeferredToolPlaceholder', description: '-', input_schema: SCHEMA, defer_loading: true },
];
const ENVIRONMENT = '# Environment\nYou have been invoked in the following environment: \n - Platform: linux';
const BUDGET_LEFT =
  '<system-reminder>\n<total_tokens>14998950 tokens left</total_tokens>\n</system-reminder>';

type Json = Record<string, unknown>;

function reminder(text: string, { reminders, effort }: Asking): Json[] {
  if (reminders === 'user') return [];
  const message = { role: 'system', content: [{ type: 'text', text, cache_control: CACHED }] };
  return [reminders === 'system' ? message : { ...message, output_config: { effort } }];
}

function question(asking: Asking): Json[] {
  const reminders = [ENVIRONMENT, 'Attribution for git commits …'].map((text) => ({ type: 'text', text }));
  const blocks = asking.reminders === 'user' ? reminders : [];
  return [
    { role: 'user', content: [...blocks, { type: 'text', text: 'fix the build' }] },
    ...reminder(ENVIRONMENT, asking),
  ];
}

/** One call of a tool with its result; thinking goes before it where there was any. */
function toolCall(id: string, thought: boolean, asking: Asking): Json[] {
  const thinking = { type: 'thinking', thinking: '', signature: 'RXJtbA==' };
  const call = { type: 'tool_use', id, name: 'Bash', input: { command: 'npm test' } };
  const result = { tool_use_id: id, type: 'tool_result', content: 'caf\u00e9 1.0', is_error: false };
  return [
    { role: 'assistant', content: thought ? [thinking, { type: 'text', text: 'So' }, call] : [call] },
    { role: 'user', content: [{ ...result, cache_control: CACHED }] },
    ...reminder(BUDGET_LEFT, asking),
  ];
}

function body(model: string, messages: Json[], changes: Json = {}): Json {
  const { maxTokens, effort } = askingOf(model);
  const ownEffort = model === 'claude-opus-4-5' ? 'high' : effort;
  return {
    model,
    messages,
    system: [
      { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.330.440; cc_entrypoint=sdk-cli;' },
      { type: 'text', text: 'You are a Claude agent.', cache_control: CACHED },
    ],
    tools: TOOLS,
    metadata: { user_id: '{"device_id":"d","account_uuid":"","session_id":"s"}' },
    max_tokens: maxTokens,
    thinking:
      effort === null
        ? { budget_tokens: maxTokens - 1, type: 'enabled', display: 'omitted' }
        : { type: 'adaptive', display: 'omitted' },
    context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
    ...(ownEffort === null ? {} : { output_config: { effort: ownEffort } }),
    stream: true,
    ...changes,
  };
}

function askingOf(model: string): Asking {
  const asking = ASKING[model];
  if (!asking) throw new Error(`no recording of ${model}`);
  return asking;
}

/** What the client sends in the course of a session with the model, by name. */
export function bodiesOf(model: string): Record<string, Json> {
  const asking = askingOf(model);
  const first = question(asking);
  const later = [...first, ...toolCall('toolu_1', true, asking), ...toolCall('toolu_2', true, asking)];
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } };
  return {
    'a first turn': body(model, first),
    'a turn after tool calls with thinking': body(model, later),
    'a turn after a tool call without thinking': body(model, [...first, ...toolCall('t', false, asking)]),
    'a turn with images': body(model, [
      ...first,
      ...toolCall('toolu_1', true, asking).slice(0, 1),
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [image] }] },
    ]),
    'a title in the background': body(model, [{ role: 'user', content: 'title?' }], {
      tools: [],
      thinking: undefined,
      context_management: undefined,
    }),
  };
}
