/** `/v1/me/increase_requests`: a developer asks for more than a budget allows, with their virtual key. */
import { z } from '@hono/zod-openapi';
import type { Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { AppEnv } from '../app-env.ts';
import { jurisdictionOf, type VerifiedKey } from '../auth/virtual-key.ts';
import { errorResponse } from '../envelope.ts';
import { askForIncrease } from '../policy/increase-request.ts';
import { AuditChainBusy } from '../store/audit-chain.ts';
import { findCostCenter } from '../store/cost-centers.ts';
import { type Database, isDatabaseAway, openDatabase } from '../store/database.ts';
import { handOver } from '../store/delivery-call.ts';
import { tellGuards } from '../store/guard-call.ts';
import { listIncreaseRequests, viewOfIncreaseRequest } from '../store/increase-requests.ts';
import { authenticate, keyRejected } from '../turn/authenticate.ts';
import { edgeOf, walletOfKey } from '../turn/edge.ts';
import { callWallet, WALLET_LIMIT_MS } from '../turn/wallet-call.ts';
import { fail } from './admin/failures.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './admin/paging.ts';
import { problemsOf } from './admin/problems.ts';
import { wrongContentType } from './data-plane.ts';
import { newIncreaseRequest } from './increase-request-contract.ts';
import { jsonOf } from './me.ts';

const MAX_BODY_BYTES = 16 * 1024;

interface Caller {
  key: VerifiedKey;
  developer: string;
}

/** Whose key it is, as the wallet knows it now; a Response where it may not ask. */
async function callerOf(context: Context<AppEnv>): Promise<Caller | Response> {
  const edge = edgeOf(context);
  const key = await authenticate(context.req.raw, edge);
  if (key instanceof Response) return key;
  const reply = await callWallet(
    () => walletOfKey(edge, key).authorize(key.costCenter, key.keyId),
    WALLET_LIMIT_MS,
  );
  if (!reply || reply.status === 'unavailable') {
    const message = 'The wallet of this cost center cannot be reached right now; ask again in a moment.';
    return errorResponse('overloaded_error', message, { requestId: edge.requestId });
  }
  if (reply.status === 'key_rejected') return keyRejected(key, reply.problem, edge.requestId);
  return { key, developer: reply.developer };
}

async function ask(context: Context<AppEnv>, database: Database): Promise<Response> {
  const { bindings, requestId } = context.var;
  const caller = await callerOf(context);
  if (caller instanceof Response) return caller;
  const { key, developer } = caller;
  const given = await jsonOf(context.req.raw);
  if (given === undefined) {
    return fail(requestId, {
      why: 'invalid',
      problems: [{ path: 'body', message: 'expected JSON in UTF-8' }],
    });
  }
  const parsed = newIncreaseRequest.safeParse(given);
  if (!parsed.success) return fail(requestId, { why: 'invalid', problems: problemsOf(parsed.error) });
  const owner = await findCostCenter(database, key.costCenter);
  if (!owner) return keyRejected(key, 'unknown', requestId);
  const { budget, extra_usd: extraNanoUsd, reason, session = null } = parsed.data;
  const asking = { developer, keyId: key.keyId, budget, extraNanoUsd, reason, session };
  const authorship = { actor: `key:${key.keyId}`, requestId, at: new Date().toISOString() };
  const asked = await askForIncrease(database, owner, asking, authorship);
  switch (asked.status) {
    case 'invalid':
      return fail(requestId, { why: 'invalid', problems: [asked.problem] });
    case 'key_gone':
      return keyRejected(key, 'revoked', requestId);
    case 'pending': {
      const message = `increase request ${asked.request.id} for ${budget} waits for an answer already`;
      return fail(requestId, { why: 'conflict', message });
    }
    case 'created': {
      const at = { id: key.costCenter, jurisdiction: jurisdictionOf(key.keyId) };
      const isTold = await handOver(bindings, at, [asked.event]);
      if (!isTold)
        console.error({ message: 'an increase request was not handed over', id: asked.request.id });
      await tellGuards(bindings, at, asked.request, session);
      return context.json(viewOfIncreaseRequest(asked.request), 201, { 'request-id': requestId });
    }
  }
}

const listQuery = z.strictObject(pageQuery);

async function list(context: Context<AppEnv>, database: Database): Promise<Response> {
  const { requestId } = context.var;
  const caller = await callerOf(context);
  if (caller instanceof Response) return caller;
  const query = listQuery.safeParse(context.req.query());
  if (!query.success) return fail(requestId, { why: 'invalid', problems: problemsOf(query.error) });
  const at = new Date().toISOString();
  const { costCenter } = caller.key;
  const filter = { costCenter, developer: caller.developer, status: null };
  const page = await pageOf(
    { list: 'my_increase_requests', cost_center: costCenter, developer: caller.developer },
    query.data,
    (each) => listIncreaseRequests(database, filter, at, each),
    (row) => row.id,
  );
  if (!page) return fail(requestId, WRONG_CURSOR);
  const data = page.data.map((row) => viewOfIncreaseRequest(row, at));
  return context.json({ ...page, data }, 200, { 'request-id': requestId });
}

/** Runs a handler with the database; a 503 where that is away, or its audit log busy. */
async function withDatabase(
  context: Context<AppEnv>,
  handle: (context: Context<AppEnv>, database: Database) => Promise<Response>,
): Promise<Response> {
  try {
    return await handle(context, openDatabase(context.var.bindings.db));
  } catch (error) {
    const { requestId } = context.var;
    if (error instanceof AuditChainBusy) return fail(requestId, { why: 'audit_busy' });
    if (!isDatabaseAway(error)) throw error;
    return fail(requestId, { why: 'database_away' });
  }
}

export function mountIncreaseRequests(app: Hono<AppEnv>): void {
  const limit = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (context) => fail(context.get('requestId'), { why: 'too_large', maxBytes: MAX_BODY_BYTES }),
  });
  const path = '/v1/me/increase_requests';
  app.post(path, limit, (context) => wrongContentType(context) ?? withDatabase(context, ask));
  app.get(path, (context) => withDatabase(context, list));
}
