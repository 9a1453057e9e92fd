/** The document at /openapi.json: the admin API from the routes themselves, the data plane described by hand. */
import { OpenAPIHono, z } from '@hono/zod-openapi';
import { admin } from './admin/admin.ts';
import { answer as jsonAnswer, body as jsonBody, pageOfSchema } from './admin/contract.ts';
import { increaseRequestView, newIncreaseRequest } from './increase-request-contract.ts';
import { preference } from './me.ts';
import { callerBody } from './me-standing.ts';

const envelope = z.object({
  type: z.literal('error'),
  error: z.object({
    type: z.string(),
    message: z.string(),
    problems: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  }),
  request_id: z.string(),
});

const pageLink = z.object({ url: z.string(), expires_at: z.string() }).openapi('PageLink');

/** Headers of every answer to a turn, refusals included. */
const TURN_HEADERS = {
  'request-id': 'Of the upstream where it answered, else of the gateway.',
  'x-bursar-turn-id': 'The turn, as the ledger names it.',
  'x-bursar-model': 'The model that served it.',
  'x-bursar-provider': 'The provider that answered, by its id.',
  'x-bursar-decision': 'proceed, downgrade, route or refuse.',
  'x-bursar-reason': 'Codes such as stage:team-day@0.95.',
  'x-bursar-budget': 'The fullest budget that binds: team-day;used=0.83;remaining_usd=85.20;resets=…',
};

interface DataPlaneCall {
  method: 'get' | 'post' | 'head';
  path: string;
  summary: string;
  /** Whether a virtual key is asked for; "admin": what the admin API takes. */
  keyed: boolean | 'admin';
  headers?: Record<string, string>;
  /** A JSON body that is asked for, and answered as it was understood unless there is an `answer`. */
  body?: z.ZodType;
  /** The JSON that is answered, where it is Bursar's own. */
  answered?: z.ZodType;
  /** 200 unless said otherwise. */
  status?: 200 | 201;
  /** Query parameters that may be given. */
  query?: Record<string, string>;
}

const OF_SESSION = { session: 'One of the caller’s own sessions, as its client names it.' };

const DATA_PLANE: readonly DataPlaneCall[] = [
  {
    method: 'post',
    path: '/v1/messages',
    summary: 'One turn, in the Messages format, streamed or not.',
    keyed: true,
    headers: TURN_HEADERS,
  },
  {
    method: 'post',
    path: '/v1/messages/count_tokens',
    summary: 'Counts tokens; never charged.',
    keyed: true,
  },
  {
    method: 'post',
    path: '/v1/chat/completions',
    summary: 'One turn, in the format of OpenAI’s chat completions, streamed or not; errors in its shape.',
    keyed: true,
    headers: { ...TURN_HEADERS, 'x-request-id': 'The request-id, where clients of OpenAI look for it.' },
  },
  { method: 'get', path: '/v1/models', summary: 'The models of the upstream.', keyed: true },
  { method: 'get', path: '/v1/models/{id}', summary: 'One model of the upstream.', keyed: true },
  {
    method: 'post',
    path: '/model/{id}/invoke',
    summary: 'One turn in the terms of Amazon Bedrock, not streamed; errors are Bedrock’s exceptions.',
    keyed: true,
    headers: TURN_HEADERS,
  },
  {
    method: 'post',
    path: '/model/{id}/invoke-with-response-stream',
    summary: 'The same, streamed as an AWS event stream.',
    keyed: true,
    headers: TURN_HEADERS,
  },
  {
    method: 'post',
    path: '/model/{id}/count-tokens',
    summary: 'Counts the tokens of an InvokeModel body as Bedrock does; never charged.',
    keyed: true,
  },
  {
    method: 'get',
    path: '/inference-profiles',
    summary: 'The models that are served here, as Bedrock’s inference profiles.',
    keyed: true,
    query: {
      type: 'SYSTEM_DEFINED or APPLICATION; there are none of the latter.',
      maxResults: '1 to 1,000.',
      nextToken: 'Of the page before.',
    },
  },
  {
    method: 'get',
    path: '/inference-profiles/{id}',
    summary: 'One of them, by any name of its model.',
    keyed: true,
  },
  {
    method: 'post',
    path: '/v1/me/prefer',
    summary: 'Steps one of the caller’s sessions down early; a null model takes it back.',
    keyed: true,
    body: preference,
  },
  {
    method: 'post',
    path: '/v1/me/increase_requests',
    summary: 'Asks for more than a budget allows; at most one request a budget waits for an answer.',
    keyed: true,
    body: newIncreaseRequest,
    answered: increaseRequestView,
    status: 201,
  },
  {
    method: 'get',
    path: '/v1/me/increase_requests',
    summary: 'What the caller asked for in this cost center, newest first.',
    keyed: true,
    answered: pageOfSchema(increaseRequestView),
  },
  {
    method: 'get',
    path: '/v1/me',
    summary: 'Where the holder of the key stands: budgets, sessions, what is on or off.',
    keyed: true,
    query: OF_SESSION,
    answered: callerBody,
  },
  {
    method: 'get',
    path: '/v1/me/statusline',
    summary: 'The same in one line of text, for a status line; with an ETag.',
    keyed: true,
    query: OF_SESSION,
  },
  {
    method: 'get',
    path: '/v1/me/notice',
    summary: 'What a hook of Claude Code has to tell about a step down, with an ETag; 204 where nothing.',
    keyed: true,
    query: OF_SESSION,
  },
  {
    method: 'post',
    path: '/v1/me/link',
    summary: 'A link to the page of the same, good once and for five minutes: url, expires_at.',
    keyed: true,
    status: 201,
    answered: pageLink,
  },
  {
    method: 'get',
    path: '/managed/settings',
    summary: 'Settings for Claude Code: uuid, checksum, settings; with an ETag.',
    keyed: true,
  },
  {
    method: 'get',
    path: '/setup',
    summary: 'A page on how to point Claude Code here; /setup.sh is the script.',
    keyed: false,
  },
  {
    method: 'get',
    path: '/api/oauth/usage',
    summary: 'The caller’s budgets as Claude Code’s gateway mode reads them; amounts in US cents.',
    keyed: true,
  },
  {
    method: 'head',
    path: '/api/hello',
    summary: 'Whether the gateway is there, as Claude Code asks.',
    keyed: false,
  },
  {
    method: 'get',
    path: '/metrics',
    summary: 'Metrics in the Prometheus text format; after and limit page over cost centers.',
    keyed: 'admin',
  },
  {
    method: 'get',
    path: '/healthz',
    summary: 'Whether the gateway is configured and answers.',
    keyed: false,
  },
];

const ADMIN_SCHEMES = [{ adminToken: [] }, { serviceToken: [] }, { oidc: [] }, { cloudflareAccess: [] }];
const KEY_SCHEMES = [{ virtualKey: [] }, { virtualKeyHeader: [] }];

function answerOf(
  body: z.ZodType | undefined,
  answered: z.ZodType | undefined,
  headers: Record<string, { description: string; schema: { type: 'string' } }>,
) {
  if (answered) return jsonAnswer(answered, 'As of now.');
  if (body) return jsonAnswer(body, 'As it was understood, the model by its own id.');
  return { description: 'As the upstream answers.', headers };
}

function describe(
  document: OpenAPIHono,
  { method, path, summary, keyed, headers = {}, body, answered, query = {}, status = 200 }: DataPlaneCall,
): void {
  const described = Object.entries(headers).map(
    ([name, description]) => [name, { description, schema: { type: 'string' as const } }] as const,
  );
  const schema = { type: 'string' as const };
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path' as const,
    required: true,
    schema,
  }));
  const inQuery = Object.entries(query).map(([name, description]) => ({
    name,
    in: 'query' as const,
    description,
    schema,
  }));
  const parameters = [...inPath, ...inQuery];
  document.openAPIRegistry.registerPath({
    method,
    path,
    summary,
    tags: ['data plane'],
    security: keyed === 'admin' ? ADMIN_SCHEMES : keyed ? KEY_SCHEMES : [],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { request: { body: jsonBody(body) } } : {}),
    responses: {
      [status]: answerOf(body, answered, Object.fromEntries(described)),
      default: { $ref: '#/components/responses/Error' },
    },
  });
}

function registerComponents({ openAPIRegistry: registry }: OpenAPIHono): void {
  registry.registerComponent('securitySchemes', 'adminToken', { type: 'http', scheme: 'bearer' });
  registry.registerComponent('securitySchemes', 'serviceToken', { type: 'http', scheme: 'bearer' });
  registry.registerComponent('securitySchemes', 'oidc', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  });
  registry.registerComponent('securitySchemes', 'cloudflareAccess', {
    type: 'apiKey',
    in: 'header',
    name: 'cf-access-jwt-assertion',
  });
  registry.registerComponent('securitySchemes', 'virtualKey', { type: 'http', scheme: 'bearer' });
  registry.registerComponent('securitySchemes', 'virtualKeyHeader', {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-key',
  });
  registry.register('ErrorEnvelope', envelope);
  registry.registerComponent('responses', 'Error', {
    description: 'What was wrong, in the Anthropic envelope.',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorEnvelope' } } },
  });
}

/** The OpenAPI 3.1 description of the whole gateway; the same at every call. */
export function openApiDocument(): object {
  const document = new OpenAPIHono();
  registerComponents(document);
  document.route('/admin/v1', admin);
  for (const call of DATA_PLANE) describe(document, call);
  return document.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Bursar', version: '1', description: 'A budget gateway for Claude Code.' },
    security: ADMIN_SCHEMES,
  });
}
