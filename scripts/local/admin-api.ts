/** The admin API as the scripts call it, on this machine. */
import type { z } from 'zod';

export interface AdminApi {
  get(path: string): Promise<AdminReply>;
  post(path: string, body: unknown): Promise<AdminReply>;
  delete(path: string): Promise<AdminReply>;
}

export interface AdminReply {
  status: number;
  /** The parsed JSON; null where there was none. */
  body: unknown;
}

/** `base` is the gateway's address, paths are those below `/admin/v1`. */
export function connectAdminApi(base: URL, adminToken: string): AdminApi {
  const send = async (method: string, path: string, body?: unknown): Promise<AdminReply> => {
    const response = await fetch(new URL(`/admin/v1${path}`, base), {
      method,
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  };
  return {
    get: (path) => send('GET', path),
    post: (path, body) => send('POST', path, body),
    delete: (path) => send('DELETE', path),
  };
}

/** What a reply was expected to be; throws with the answer's own words where it is something else. */
export function expectReply<T>(reply: AdminReply, status: number, shape: z.ZodType<T>): T {
  if (reply.status !== status) {
    throw new Error(`the admin API answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  }
  return shape.parse(reply.body);
}
