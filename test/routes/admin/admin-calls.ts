/** Calls of the admin API as `app.ts` mounts it, with bindings that a test can take away. */
import { env } from 'cloudflare:workers';
import { Hono } from 'hono';
import { type Env, readBindings } from '../../../worker/bindings.ts';
import { admin } from '../../../worker/routes/admin/admin.ts';
import type { AdminEnv } from '../../../worker/routes/admin/context.ts';

declare global {
  namespace Cloudflare {
    interface Env {
      WALLET: DurableObjectNamespace<import('../../../durable-objects/wallet/wallet.ts').Wallet>;
      ALERTS: DurableObjectNamespace<import('../../../durable-objects/alerts/delivery.ts').AlertDelivery>;
      DRY_RUNS: DurableObjectNamespace<import('../../../durable-objects/dry-runs/dry-run.ts').DryRun>;
      ADMIN_TOKEN: string;
      KEY_SECRETS: string;
      PROVIDER: string;
    }
  }
}

const app = new Hono<AdminEnv>();
let requests = 0;
app.use(async (c, next) => {
  const bindings = readBindings(c.env);
  if (!bindings.ok) throw new Error(bindings.error);
  c.set('bindings', bindings.value);
  requests += 1;
  c.set('requestId', `req_${requests}`);
  await next();
});
app.route('/admin/v1', admin);

export interface Answer {
  status: number;
  headers: Headers;
  /** The JSON of the answer (the text of a file), null where it has no body. Tests look into it with `toMatchObject`. */
  body: unknown;
}

async function answerOf(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  const isJson = headers.get('content-type')?.startsWith('application/json') ?? false;
  const body: unknown = isJson ? JSON.parse(text) : text;
  return { status, headers, body: text === '' ? null : body };
}

/** Sends a request as it is, under /admin/v1, and leaves its answer unread. */
export async function request(
  path: string,
  init: RequestInit,
  bindings: Partial<Env> = {},
): Promise<Response> {
  return await app.request(`/admin/v1${path}`, init, { ...env, ...bindings });
}

/** Sends a request as it is, under /admin/v1. */
export async function send(path: string, init: RequestInit, bindings: Partial<Env> = {}): Promise<Answer> {
  return await answerOf(await request(path, init, bindings));
}

/** Calls as the admin, with a JSON body where one is given. */
export async function call(
  method: string,
  path: string,
  body?: unknown,
  bindings: Partial<Env> = {},
): Promise<Answer> {
  const headers = new Headers({ authorization: `Bearer ${env.ADMIN_TOKEN}` });
  if (body === undefined) return await send(path, { method, headers }, bindings);
  headers.set('content-type', 'application/json');
  return await send(path, { method, headers, body: JSON.stringify(body) }, bindings);
}

export const MANAGER = { name: 'Ada', email: 'ada@example.com' };

/** Makes a cost center of this id. */
export async function makeCostCenter(id: string): Promise<void> {
  const answer = await call('POST', '/cost_centers', {
    id,
    name: `The ${id}`,
    timezone: 'UTC',
    manager: MANAGER,
  });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
}

/** A string field of a JSON answer. */
export function field(answer: Answer, name: string): string {
  const value: unknown = Object.entries(answer.body ?? {}).find(([key]) => key === name)?.[1];
  if (typeof value !== 'string') throw new Error(`no ${name} in ${JSON.stringify(answer.body)}`);
  return value;
}

/** The rows of a list. */
export function rows(answer: Answer): unknown[] {
  const value: unknown = Object.entries(answer.body ?? {}).find(([key]) => key === 'data')?.[1];
  if (!Array.isArray(value)) throw new Error(`no data in ${JSON.stringify(answer.body)}`);
  return value;
}

/** The revision that the cost center's wallet has. */
export async function walletRevision(costCenter: string): Promise<number> {
  const stub = env.WALLET.get(env.WALLET.idFromName(costCenter));
  return (await stub.refresh(costCenter, 0)).revision;
}

/** The revision that D1 has. */
export async function storedRevision(costCenter: string): Promise<number | null> {
  return await env.DB.prepare('SELECT revision FROM cost_centers WHERE id = ?')
    .bind(costCenter)
    .first('revision');
}
