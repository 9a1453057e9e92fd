import { applyD1Migrations, type D1Migration, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';

declare global {
  namespace Cloudflare {
    interface Env {
      TEST_MIGRATIONS: D1Migration[];
      DB: D1Database;
    }
  }
}

// Files share a runtime, and none may see what another one wrote.
await reset();
await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
