/** What every handler of the admin API finds in its context, and the router it is registered on. */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { AppEnv } from '../../app-env.ts';
import type { Grant } from '../../auth/permissions.ts';
import type { Principal } from '../../auth/principal.ts';
import type { Env } from '../../bindings.ts';
import type { Authorship } from '../../store/change.ts';
import { type Database, openDatabase } from '../../store/database.ts';
import { fail } from './failures.ts';
import { problemsOf } from './problems.ts';

export interface AdminEnv {
  Bindings: Env;
  Variables: Pick<AppEnv['Variables'], 'bindings' | 'requestId'> & {
    principal: Principal;
    /** What the caller may do; the route's own action they may, or no handler would run. */
    grants: readonly Grant[];
  };
}

export type AdminContext = Context<AdminEnv>;

/** A router whose invalid requests are answered in the envelope, every wrong field at once. */
export function adminRouter(): OpenAPIHono<AdminEnv> {
  return new OpenAPIHono<AdminEnv>({
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      return fail(c.get('requestId'), { why: 'invalid', problems: problemsOf(result.error) });
    },
  });
}

export function databaseOf(c: AdminContext): Database {
  return openDatabase(c.get('bindings').db);
}

/** Who changes something with this request. */
export function authorshipOf(c: AdminContext): Authorship {
  return { actor: c.get('principal').actor, requestId: c.get('requestId'), at: new Date().toISOString() };
}
