/** `/v1/me`: what a developer says about their own turns, with their virtual key. */
import { z } from '@hono/zod-openapi';
import type { Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { findModel, isRetired } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import type { AppEnv } from '../app-env.ts';
import { errorResponse } from '../envelope.ts';
import { authenticate, keyRejected } from '../turn/authenticate.ts';
import { edgeOf, walletOfKey } from '../turn/edge.ts';
import { callWallet, WALLET_LIMIT_MS } from '../turn/wallet-call.ts';
import { fail } from './admin/failures.ts';
import { session } from './admin/fields.ts';
import { problemsOf } from './admin/problems.ts';
import { wrongContentType } from './data-plane.ts';

/** A session and a model, however they are escaped. */
const MAX_BODY_BYTES = 16 * 1024;
const MAX_MODEL_LENGTH = 256;

/** The catalogue's own id of a model that can be had. */
const usableModel = z
  .string()
  .max(MAX_MODEL_LENGTH)
  .transform((name, context) => {
    const model = findModel(builtinCatalogue, name);
    if (model && !isRetired(model, Date.now())) return model.id;
    const message = model
      ? `${model.id} is retired`
      : 'expected a model of the price catalogue such as "claude-sonnet-5-5", or null to take the wish back';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .openapi({ type: 'string', example: 'claude-sonnet-5-5' });

export const preference = z
  .strictObject({ session, model: usableModel.nullable() })
  .openapi('Preference', { description: 'A null model takes the wish back.' });

/** The body as JSON; undefined where it is none. */
export async function jsonOf(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
}

/**
 * A developer asks to step one of their sessions down early. It can only save money, so no budget, pause or stop
 * refuses it, and the wallet never moves a turn to a dearer model by it.
 */
async function prefer(context: Context<AppEnv>): Promise<Response> {
  const edge = edgeOf(context);
  const { requestId } = edge;
  const key = await authenticate(context.req.raw, edge);
  if (key instanceof Response) return key;
  const given = await jsonOf(context.req.raw);
  const parsed = preference.safeParse(given);
  if (given === undefined || !parsed.success) {
    const unread: PolicyProblem[] = [{ path: 'body', message: 'expected JSON in UTF-8' }];
    const problems = given === undefined || parsed.success ? unread : problemsOf(parsed.error);
    return fail(requestId, { why: 'invalid', problems });
  }
  const { session: name, model } = parsed.data;
  const reply = await callWallet(
    () => walletOfKey(edge, key).prefer(key.costCenter, key.keyId, name, model),
    WALLET_LIMIT_MS,
  );
  if (!reply || reply.status === 'unavailable') {
    const message = 'The wallet of this cost center cannot be reached right now; ask again in a moment.';
    return errorResponse('overloaded_error', message, { requestId });
  }
  if (reply.status === 'key_rejected') return keyRejected(key, reply.problem, requestId);
  return context.json({ session: name, model }, 200, { 'request-id': requestId });
}

export function mountMe(app: Hono<AppEnv>): void {
  const limit = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (context) => fail(context.get('requestId'), { why: 'too_large', maxBytes: MAX_BODY_BYTES }),
  });
  app.post('/v1/me/prefer', limit, (context) => wrongContentType(context) ?? prefer(context));
}
