/** What every route can rely on, once the environment was checked. */
import type { Bindings, Env } from './bindings.ts';
import type { Providers } from './providers/provider.ts';

export interface AppEnv {
  Bindings: Env;
  Variables: {
    bindings: Bindings;
    providers: Providers;
    /** Unique a request: in the `request-id` header of Bursar's own answers. */
    requestId: string;
  };
}
