/** An admin at work on a gateway's cost center, through the same app its turns go through. */
import { env } from 'cloudflare:workers';
import type { Gateway } from './gateway.ts';

declare global {
  namespace Cloudflare {
    interface Env {
      ADMIN_TOKEN: string;
    }
  }
}

/** Calls `/admin/v1/cost_centers/{id}{path}`. */
export async function administer(
  gateway: Pick<Gateway, 'call' | 'costCenter'>,
  method: string,
  path: string,
  body?: object,
): Promise<Response> {
  const headers = new Headers({ authorization: `Bearer ${env.ADMIN_TOKEN}` });
  if (body) headers.set('content-type', 'application/json');
  const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
  return await gateway.call(`/admin/v1/cost_centers/${gateway.costCenter}${path}`, init);
}

/** The same where it has to succeed. */
export async function administered(...call: Parameters<typeof administer>): Promise<void> {
  const response = await administer(...call);
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  await response.body?.cancel();
}

export interface IssuedKey {
  id: string;
  secret: string;
}

/** A key that was just issued: the answer to creating or rotating one. */
export async function issuedKey(response: Response): Promise<IssuedKey> {
  const body: unknown = await response.json();
  if (response.status !== 201 || typeof body !== 'object' || body === null) {
    throw new Error(`${response.status}: ${JSON.stringify(body)}`);
  }
  const { id, secret } = { id: undefined, secret: undefined, ...body };
  if (typeof id !== 'string' || typeof secret !== 'string') throw new Error('expected a key and its secret');
  return { id, secret };
}
