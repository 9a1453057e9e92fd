/**
 * What sets Claude Code up: `GET /setup` explains, `/setup.sh` does it after asking, `/setup/…` and
 * `/managed/settings` are what it is made of. The settings need a key, since they tell the caller's own cascade; the
 * scripts hold nothing that anybody may not know.
 */
import type { Context, Hono } from 'hono';
import type { AppEnv } from '../app-env.ts';
import { errorResponse } from '../envelope.ts';
import { callerOf } from '../turn/caller.ts';
import { edgeOf } from '../turn/edge.ts';
import { etagOf, taggedResponse } from '../turn/etag.ts';
import { publicUrlOf } from './public-url.ts';
import asking from './scripts/asking.sh';
import hook from './scripts/hook.sh';
import setup from './scripts/setup.sh';
import statusline from './scripts/statusline.sh';
import { type ClientSettings, clientSettings } from './settings.ts';
import { setupPage } from './setup-page.ts';

/** A host that could stand in a shell's quotes; no real one looks otherwise. */
const PLAIN_URL = /^https?:\/\/[A-Za-z0-9.:[\]-]+$/;

async function settingsOf(context: Context<AppEnv>): Promise<ClientSettings | Response> {
  const caller = await callerOf(context.req.raw, edgeOf(context), null);
  return caller instanceof Response ? caller : clientSettings(publicUrlOf(context), caller.cascade);
}

/** The gateway protocol's answer: the client keeps the settings by their checksum. */
async function managedSettings(context: Context<AppEnv>): Promise<Response> {
  const settings = await settingsOf(context);
  if (settings instanceof Response) return settings;
  const etag = await etagOf(JSON.stringify(settings));
  const checksum = etag.slice(1, -1);
  const body = JSON.stringify({ uuid: checksum, checksum, settings });
  return taggedResponse(context.req.raw, body, etag, {
    'content-type': 'application/json',
    'cache-control': 'private, no-cache',
    'request-id': context.var.requestId,
  });
}

async function settingsFile(context: Context<AppEnv>): Promise<Response> {
  const settings = await settingsOf(context);
  if (settings instanceof Response) return settings;
  const headers = { 'content-type': 'application/json', 'cache-control': 'private, no-store' };
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  return new Response(text, { headers: { ...headers, 'request-id': context.var.requestId } });
}

async function script(context: Context<AppEnv>, text: string): Promise<Response> {
  return taggedResponse(context.req.raw, text, await etagOf(text), {
    'content-type': 'text/x-shellscript; charset=utf-8',
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'request-id': context.var.requestId,
  });
}

async function setupScript(context: Context<AppEnv>): Promise<Response> {
  const url = publicUrlOf(context);
  if (!PLAIN_URL.test(url)) {
    const message =
      'host: expected letters, digits, "." and "-"; set PUBLIC_URL to where this gateway is reached';
    return errorResponse('invalid_request_error', message, { requestId: context.var.requestId });
  }
  return await script(context, setup.replace('@BURSAR_URL@', url));
}

export function mountSetup(app: Hono<AppEnv>): void {
  app.get('/managed/settings', managedSettings);
  app.get('/setup', (context) => setupPage(publicUrlOf(context)));
  app.get('/setup.sh', setupScript);
  app.get('/setup/settings.json', settingsFile);
  app.get('/setup/statusline.sh', (context) => script(context, asking + statusline));
  app.get('/setup/hook.sh', (context) => script(context, asking + hook));
}
