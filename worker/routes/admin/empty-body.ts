/** Requests that say they bring JSON and bring nothing, as `curl -X POST` with a standing header does. */
import { createMiddleware } from 'hono/factory';
import type { AdminEnv } from './context.ts';

/** Takes the type off a body that is empty: it is then as if none had been announced, which is what was meant. */
export const withoutEmptyBody = createMiddleware<AdminEnv>(async (c, next) => {
  const { method, url, headers } = c.req.raw;
  if (headers.has('content-type') && !['GET', 'HEAD'].includes(method) && (await c.req.text()) === '') {
    const others = new Headers(headers);
    others.delete('content-type');
    c.req.raw = new Request(url, { method, headers: others });
  }
  await next();
});
