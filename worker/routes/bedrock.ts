/**
 * What a client of Amazon Bedrock calls: Claude Code in Bedrock mode, Anthropic's SDK for Bedrock, AWS's own. A model's
 * name stands in the path, encoded or not: ARNs have slashes in them.
 */
import type { Context, Hono } from 'hono';
import type { AppEnv } from '../app-env.ts';
import { type ErrorType, errorResponse } from '../envelope.ts';
import { countDialect, invokeDialect, refused } from '../turn/bedrock-dialect.ts';
import { edgeOf } from '../turn/edge.ts';
import { admit, relayCount } from '../turn/relay.ts';
import { runTurn } from '../turn/run.ts';
import { findProfile, pageOfProfiles } from './inference-profiles.ts';

export function mountBedrock(app: Hono<AppEnv>): void {
  app.post('/model/:model{.+}/invoke', (context) => {
    const { raw: request } = context.req;
    return runTurn(request, edgeOf(context), invokeDialect(request, context.req.param('model'), false));
  });
  app.post('/model/:model{.+}/invoke-with-response-stream', (context) => {
    const { raw: request } = context.req;
    return runTurn(request, edgeOf(context), invokeDialect(request, context.req.param('model'), true));
  });
  app.post('/model/:model{.+}/count-tokens', (context) => {
    const { raw: request } = context.req;
    return relayCount(request, edgeOf(context), countDialect(request, context.req.param('model')));
  });
  app.get('/inference-profiles', listProfiles);
  app.get('/inference-profiles/:id{.+}', getProfile);
}

async function listProfiles(context: Context<AppEnv>): Promise<Response> {
  const { raw: request, url } = context.req;
  const caller = await admit(request, edgeOf(context));
  if (caller instanceof Response) return await refused(caller, request);
  const { costCenter } = caller.key;
  const { searchParams: query } = new URL(url);
  const page = pageOfProfiles(context.var.providers, costCenter, query, Date.now());
  return page.ok ? answered(context, page.value) : await failed(context, 'invalid_request_error', page.error);
}

async function getProfile(context: Context<AppEnv, '/inference-profiles/:id{.+}'>): Promise<Response> {
  const { raw: request } = context.req;
  const caller = await admit(request, edgeOf(context));
  if (caller instanceof Response) return await refused(caller, request);
  const { costCenter } = caller.key;
  const { bindings, providers } = context.var;
  const id = context.req.param('id');
  const profile = findProfile(providers, costCenter, id, bindings.modelAliases, Date.now());
  if (profile) return answered(context, profile);
  return await failed(
    context,
    'not_found_error',
    `There is no inference profile "${id.slice(0, 256)}" here.`,
  );
}

function answered({ var: { requestId } }: Context<AppEnv>, body: object): Response {
  return Response.json(body, { headers: { 'request-id': requestId, 'x-amzn-requestid': requestId } });
}

async function failed(context: Context<AppEnv>, type: ErrorType, message: string): Promise<Response> {
  const { requestId } = context.var;
  return await refused(errorResponse(type, message, { requestId }), context.req.raw);
}
