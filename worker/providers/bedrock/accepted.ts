/**
 * What Bedrock takes of a request of the Messages API, endpoint by endpoint. All else is a 400 there ("Extra inputs are
 * not permitted", "invalid beta flag"), so what only tunes is taken out and what a turn needs makes the provider lack it
 * (lacking.ts). A new capability is a row here and no branch anywhere.
 *
 * Sources, as of 2026-11-23: AWS's user guide (Messages API request, `anthropic_beta`, prompt caching, structured
 * outputs), Anthropic's pages on Bedrock, 400s reported for Claude Code (issues 49370, 56595, 82549 of
 * anthropics/claude-code), and the table of betas that LiteLLM keeps by trying (anthropic_beta_headers_config.json).
 */

export interface Accepted {
  /** Members of the body. */
  fields: ReadonlySet<string>;
  /** Members of the body and of custom tools that need a beta, with it. */
  fieldsByBeta: ReadonlyMap<string, string>;
  toolFieldsByBeta: ReadonlyMap<string, string>;
  /** Betas by the name clients know, with the name it has here. One that is not here is not sent. */
  betas: ReadonlyMap<string, string>;
  /** The beta that lets a system message set the effort; null: none does. */
  messageEffortBeta: string | null;
  /** The beta that lets a system message add and remove tools; null: none does. */
  toolChangesBeta: string | null;
  /** Whether `output_config.format` and strict tools are taken from models that have them. */
  structuredOutputs: boolean;
}

/** Members that both endpoints take. `metadata`, `output_config` and `tools` are looked into. */
const FIELDS = [
  'max_tokens',
  'messages',
  'metadata',
  'output_config',
  'stop_sequences',
  'system',
  'temperature',
  'thinking',
  'tool_choice',
  'tools',
  'top_k',
  'top_p',
];
/** Of `metadata`: what identifies the user, and nothing besides. */
export const METADATA_FIELDS: ReadonlySet<string> = new Set(['user_id']);
/** Of `output_config`: no task budget is documented for Bedrock. `format`: see `structuredOutputs`. */
export const OUTPUT_FIELDS: ReadonlySet<string> = new Set(['effort']);
/** Of a custom tool. Examples, callers and eager streaming need betas or are not there at all. */
export const TOOL_FIELDS: ReadonlySet<string> = new Set([
  'type',
  'name',
  'description',
  'input_schema',
  'cache_control',
]);
/** Of `cache_control`; both TTLs, from the 4.5 models on, and older ones are not served. No `scope`. */
export const CACHE_FIELDS: ReadonlySet<string> = new Set(['type', 'ttl']);
/** Of a message; `output_config` of a system message: see `messageEffortBeta`. */
export const MESSAGE_FIELDS: ReadonlySet<string> = new Set(['role', 'content']);

const TOOL_SEARCH = 'tool-search-tool-2025-10-19';
const CONTEXT_MANAGEMENT = 'context-management-2025-06-27';
const TOOL_EXAMPLES = 'tool-examples-2025-10-29';
const MESSAGE_EFFORT = 'mid-conversation-output-config-2026-07-01';
const TOOL_CHANGES = 'mid-conversation-tool-changes-2026-07-01';

function asNamed(...names: string[]): [string, string][] {
  return names.map((name) => [name, name]);
}

const BETAS: readonly [string, string][] = [
  ...asNamed(
    'compact-2026-01-12',
    'computer-use-2025-01-24',
    'computer-use-2025-11-24',
    'context-1m-2025-08-07',
    'dangerous-tool-use-2026-09-03',
    'effort-2025-11-24',
    'fine-grained-tool-streaming-2025-05-14',
    'interleaved-thinking-2025-05-14',
    'thinking-binding-controls-2026-08-01',
    'thinking-display-updates-2026-08-18',
    CONTEXT_MANAGEMENT,
    TOOL_SEARCH,
  ),
  // What Anthropic made one beta of is three on Bedrock; its search is the one a conversation cannot do without.
  ['advanced-tool-use-2025-11-20', TOOL_SEARCH],
];

/** InvokeModel. It has the beta of context management (for the memory tool) and refuses the field. */
export const INVOKE_MODEL: Accepted = {
  fields: new Set(FIELDS),
  fieldsByBeta: new Map(),
  toolFieldsByBeta: new Map([['defer_loading', TOOL_SEARCH]]),
  betas: new Map([...BETAS, ...asNamed(MESSAGE_EFFORT, TOOL_CHANGES)]),
  messageEffortBeta: MESSAGE_EFFORT,
  toolChangesBeta: TOOL_CHANGES,
  structuredOutputs: true,
};

/** The Messages endpoint (`bedrock-mantle`). */
export const MESSAGES_ENDPOINT: Accepted = {
  fields: new Set([...FIELDS, 'model', 'stream']),
  fieldsByBeta: new Map([['context_management', CONTEXT_MANAGEMENT]]),
  toolFieldsByBeta: new Map([
    ['defer_loading', TOOL_SEARCH],
    ['input_examples', TOOL_EXAMPLES],
  ]),
  betas: new Map([
    ...BETAS,
    ...asNamed(
      'claude-code-20250219',
      'output-128k-2025-02-19',
      'per-turn-control-2026-07-01',
      'token-efficient-tools-2025-02-19',
      TOOL_EXAMPLES,
    ),
  ]),
  messageEffortBeta: null,
  toolChangesBeta: null,
  structuredOutputs: false,
};

/** The betas to send, each once, in the order they were asked for. */
export function acceptedBetas(asked: readonly string[], { betas }: Accepted): string[] {
  return [...new Set(asked.flatMap((name) => betas.get(name) ?? []))];
}

/** The betas of a request: its header's values and those a body in Bedrock's own form holds. */
export function askedBetas(headers: Headers, inBody: unknown): string[] {
  const inHeader = (headers.get('anthropic-beta') ?? '').split(',').map((name) => name.trim());
  const listed = Array.isArray(inBody) ? inBody.filter((name) => typeof name === 'string') : [];
  return [...inHeader, ...listed].filter((name) => name !== '');
}
