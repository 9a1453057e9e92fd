/** Mounts the routes behind the one check of the environment. */
import { Hono } from 'hono';
import type { AppEnv } from './app-env.ts';
import { type Bindings, type Env, readBindings } from './bindings.ts';
import { mountAlertLinks } from './console/act.ts';
import { mountAskPages } from './console/ask.ts';
import { mountMePage } from './console/me.ts';
import { mountSetup } from './console/setup.ts';
import { errorResponse } from './envelope.ts';
import { createProviders } from './providers/create.ts';
import type { Providers } from './providers/provider.ts';
import { admin } from './routes/admin/admin.ts';
import { mountBedrock } from './routes/bedrock.ts';
import { mountDataPlane } from './routes/data-plane.ts';
import { mountMe } from './routes/me.ts';
import { mountIncreaseRequests } from './routes/me-increase-requests.ts';
import { mountStanding } from './routes/me-standing.ts';
import { mountMetrics } from './routes/metrics.ts';
import { mountOauthUsage } from './routes/oauth-usage.ts';
import { mountOpenai } from './routes/openai.ts';
import { openApiDocument } from './routes/openapi.ts';
import { asSpoken, nothingThere } from './routes/spoken-errors.ts';

type Configured = { bindings: Bindings; providers: Providers } | { problem: string };

/** Checked once an isolate. The result is kept, not its promise: that belongs to the request that began it. */
let configured: { env: Env; result: Configured } | null = null;

async function configure(env: Env): Promise<Configured> {
  const bindings = readBindings(env);
  if (!bindings.ok) return { problem: bindings.error };
  return { bindings: bindings.value, providers: await createProviders(bindings.value.providers) };
}

async function configurationOf(env: Env): Promise<Configured> {
  if (configured?.env === env) return configured.result;
  const result = await configure(env);
  configured = { env, result };
  return result;
}

export const app = new Hono<AppEnv>();

app.use(async (context, next) => {
  const requestId = `req_${crypto.randomUUID()}`;
  const configuration = await configurationOf(context.env);
  if ('problem' in configuration) {
    console.error({ message: configuration.problem });
    return await asSpoken(context.req.raw, errorResponse('api_error', configuration.problem, { requestId }));
  }
  context.set('requestId', requestId);
  context.set('bindings', configuration.bindings);
  context.set('providers', configuration.providers);
  await next();
});

app.get('/healthz', ({ json, var: { providers } }) =>
  json({ status: 'ok', provider: providers[0].name, providers: providers.map(({ id }) => id) }),
);
app.get('/openapi.json', (context) => context.json(openApiDocument()));
mountDataPlane(app);
mountOpenai(app);
mountBedrock(app);
mountMe(app);
mountIncreaseRequests(app);
mountStanding(app);
mountOauthUsage(app);
mountMePage(app);
mountSetup(app);
mountMetrics(app);
mountAlertLinks(app);
mountAskPages(app);
app.route('/admin/v1', admin);

app.notFound((context) => nothingThere(context.req.raw, context.var.requestId));

app.onError(async (error, context) => {
  console.error({
    message: 'a request failed',
    path: context.req.path,
    error: String(error),
    stack: error.stack,
  });
  const requestId = context.var.requestId ?? `req_${crypto.randomUUID()}`;
  const message = 'The gateway met an error of its own; it has been logged.';
  return await asSpoken(context.req.raw, errorResponse('api_error', message, { requestId }));
});
