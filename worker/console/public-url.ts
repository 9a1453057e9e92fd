/** Where people and clients reach this gateway: `PUBLIC_URL`, or where this very request came to. */
import type { Context } from 'hono';
import type { AppEnv } from '../app-env.ts';

/** Scheme and host, no slash at the end. */
export function publicUrlOf(context: Context<AppEnv>): string {
  return context.var.bindings.publicUrl ?? new URL(context.req.url).origin;
}
