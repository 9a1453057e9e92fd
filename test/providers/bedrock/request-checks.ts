/**
 * What Bedrock refuses in a request, in its own words, copied by hand from its documentation and from errors seen (as
 * of 2026-11-23). It takes nothing from the gateway's own tables, which it is the check on.
 */

export type Body = Record<string, unknown>;

const INVOKE_FIELDS = new Set([
  'anthropic_version',
  'anthropic_beta',
  'max_tokens',
  'messages',
  'system',
  'tools',
  'tool_choice',
  'thinking',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'metadata',
  'output_config',
]);
const MANTLE_FIELDS = new Set([
  'model',
  'stream',
  ...[...INVOKE_FIELDS].filter((name) => !name.startsWith('anthropic_')),
]);

/** Both endpoints take these; each has some of its own. */
const BETAS = [
  'computer-use-2025-01-24',
  'computer-use-2025-11-24',
  'interleaved-thinking-2025-05-14',
  'context-1m-2025-08-07',
  'context-management-2025-06-27',
  'compact-2026-01-12',
  'effort-2025-11-24',
  'fine-grained-tool-streaming-2025-05-14',
  'thinking-binding-controls-2026-08-01',
  'thinking-display-updates-2026-08-18',
  'tool-search-tool-2025-10-19',
  'dangerous-tool-use-2026-09-03',
];
const INVOKE_BETAS = new Set([
  ...BETAS,
  'mid-conversation-output-config-2026-07-01',
  'mid-conversation-tool-changes-2026-07-01',
]);
const MANTLE_BETAS = new Set([
  ...BETAS,
  'tool-examples-2025-10-29',
  'claude-code-20250219',
  'per-turn-control-2026-07-01',
  'token-efficient-tools-2025-02-19',
  'output-128k-2025-02-19',
]);

/** Fields of a custom tool, and those that only a beta brings. */
const TOOL_FIELDS = new Set(['type', 'name', 'description', 'input_schema', 'cache_control']);
const BETA_TOOL_FIELDS: Record<string, string> = {
  defer_loading: 'tool-search-tool-2025-10-19',
  input_examples: 'tool-examples-2025-10-29',
};
const CLIENT_TOOLS = /^(?:custom|bash_|text_editor_|computer_|memory_)/;
const CACHE_CONTROL_FIELDS = new Set(['type', 'ttl']);
/** Models whose prompts may be cached for an hour: Claude 4.5 and later. */
const WITHOUT_LONG_CACHE = /claude-(?:opus-4-1|opus-4-2|sonnet-4-2|3-)/;

/** The first thing wrong with a body for InvokeModel; null where nothing is. */
export function invokeProblem(body: Body, model: string): string | null {
  if (body.anthropic_version !== 'bedrock-2023-05-31') return 'anthropic_version: Field required';
  const betas = body.anthropic_beta ?? [];
  if (!Array.isArray(betas)) return 'anthropic_beta: Input should be a valid list';
  if (new Set(betas).size !== betas.length) return 'anthropic_beta: values must be unique';
  const format = /haiku-5-5/.test(model) ? [] : ['format'];
  return commonProblem(body, betas, { fields: INVOKE_FIELDS, known: INVOKE_BETAS, model, format });
}

/** The same for the Messages endpoint; `betas` are the header's. */
export function mantleProblem(body: Body, betas: readonly string[]): string | null {
  const extra = new Set(MANTLE_FIELDS);
  if (betas.includes('context-management-2025-06-27')) extra.add('context_management');
  const model = String(body.model);
  return commonProblem(body, betas, { fields: extra, known: MANTLE_BETAS, model, format: [] });
}

function commonProblem(
  body: Body,
  betas: readonly unknown[],
  {
    fields,
    known,
    model,
    format,
  }: { fields: ReadonlySet<string>; known: ReadonlySet<string>; model: string; format: readonly string[] },
): string | null {
  const foreign = Object.keys(body).find((name) => !fields.has(name));
  if (foreign !== undefined) return `${foreign}: Extra inputs are not permitted`;
  if (betas.some((beta) => !known.has(String(beta)))) return 'invalid beta flag';
  if (!Array.isArray(body.messages) || body.messages.length === 0) return 'messages: Field required';
  return (
    metadataProblem(body.metadata) ??
    toolsProblem(body.tools, betas, format.length > 0) ??
    outputProblem(body.output_config, ['effort', ...format]) ??
    blocksProblem(body, 'system', body.system, model) ??
    messagesProblem(body, model)
  );
}

function metadataProblem(metadata: unknown): string | null {
  const extra = Object.keys(objectOf(metadata)).find((name) => name !== 'user_id');
  return extra === undefined ? null : `metadata.${extra}: Extra inputs are not permitted`;
}

function outputProblem(config: unknown, known: readonly string[]): string | null {
  const extra = Object.keys(objectOf(config)).find((name) => !known.includes(name));
  return extra === undefined ? null : `output_config.${extra}: Extra inputs are not permitted`;
}

/** Strict tools come with structured outputs. */
function toolsProblem(tools: unknown, betas: readonly unknown[], isStrict: boolean): string | null {
  if (!Array.isArray(tools)) return null;
  for (const [index, tool] of tools.map(objectOf).entries()) {
    const type = String(tool.type ?? 'custom');
    if (!CLIENT_TOOLS.test(type)) {
      return `tools.${index}: Input tag '${type}' found using 'type' does not match any of the expected tags`;
    }
    if (type !== 'custom') continue;
    const extra = Object.keys(tool).find(
      (name) =>
        !TOOL_FIELDS.has(name) &&
        !betas.includes(BETA_TOOL_FIELDS[name] ?? '') &&
        !(isStrict && name === 'strict'),
    );
    if (extra !== undefined) return `tools.${index}.custom.${extra}: Extra inputs are not permitted`;
  }
  return blocksCacheProblem('tools', tools);
}

function messagesProblem(body: Body, model: string): string | null {
  const messages = Array.isArray(body.messages) ? body.messages : [];
  for (const [index, message] of messages.map(objectOf).entries()) {
    const extra = Object.keys(message).find((name) => !isMessageField(name, message, body));
    if (extra !== undefined) return `messages.${index}.${extra}: Extra inputs are not permitted`;
    const problem = blocksProblem(body, `messages.${index}.content`, message.content, model);
    if (problem !== null) return problem;
  }
  return null;
}

function isMessageField(name: string, message: Body, body: Body): boolean {
  if (name === 'role' || name === 'content') return true;
  const betas = Array.isArray(body.anthropic_beta) ? body.anthropic_beta : [];
  const takesEffort = betas.includes('mid-conversation-output-config-2026-07-01');
  return name === 'output_config' && message.role === 'system' && takesEffort;
}

function blocksProblem(body: Body, path: string, blocks: unknown, model: string): string | null {
  if (!Array.isArray(blocks)) return null;
  for (const [index, block] of blocks.map(objectOf).entries()) {
    const source = objectOf(block.source);
    if (source.type === 'url' || source.type === 'file') {
      return `${path}.${index}.${String(block.type)}.source: Input tag '${source.type}' found using 'type' does not match any of the expected tags: 'base64'`;
    }
    const ttl = objectOf(block.cache_control).ttl;
    if (ttl === '1h' && WITHOUT_LONG_CACHE.test(model)) {
      return `${path}.${index}.cache_control.ttl: Extra inputs are not permitted`;
    }
    const inner = blocksProblem(body, `${path}.${index}.content`, block.content, model);
    if (inner !== null) return inner;
  }
  return blocksCacheProblem(path, blocks);
}

function blocksCacheProblem(path: string, blocks: readonly unknown[]): string | null {
  for (const [index, block] of blocks.map(objectOf).entries()) {
    const extra = Object.keys(objectOf(block.cache_control)).find((name) => !CACHE_CONTROL_FIELDS.has(name));
    if (extra !== undefined) return `${path}.${index}.cache_control.${extra}: Extra inputs are not permitted`;
  }
  return null;
}

function objectOf(value: unknown): Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : {};
}
