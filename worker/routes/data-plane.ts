/** What a developer's client calls: turns and token counts. */
import type { Context, Hono } from 'hono';
import type { AppEnv } from '../app-env.ts';
import { errorResponse } from '../envelope.ts';
import { edgeOf } from '../turn/edge.ts';
import { relayCount } from '../turn/relay.ts';
import { runTurn } from '../turn/run.ts';

/** A body of another type than JSON is refused before it is read: it would be no turn. */
export function wrongContentType(context: Context<AppEnv>): Response | null {
  const type = context.req.header('content-type') ?? '';
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) return null;
  const message = `content-type: expected application/json, got ${type === '' ? 'none' : `"${type.slice(0, 100)}"`}.`;
  return errorResponse('invalid_request_error', message, { requestId: context.var.requestId });
}

export function mountDataPlane(app: Hono<AppEnv>): void {
  app.post(
    '/v1/messages',
    (context) => wrongContentType(context) ?? runTurn(context.req.raw, edgeOf(context)),
  );
  app.post(
    '/v1/messages/count_tokens',
    (context) => wrongContentType(context) ?? relayCount(context.req.raw, edgeOf(context)),
  );
  // Claude Code asks at its start whether anybody is there; Hono answers HEAD by GET.
  app.get('/api/hello', (context) => context.body(null, 200, { 'request-id': context.var.requestId }));
}
