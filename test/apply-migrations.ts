import { applyD1Migrations, type D1Migration, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';

declare global {
  namespace Cloudflare {
    interface Env {
      TEST_MIGRATIONS: D1Migration[];
      DB: D1Database;
      ARCHIVE: R2Bucket;
    }
  }
}

/** How often storage is emptied before a file of tests gives up on a runtime that keeps what it was told to drop. */
const RESETS = 50;

async function isEmpty(): Promise<boolean> {
  const migrations = "SELECT count(*) AS tables FROM sqlite_master WHERE name = 'd1_migrations'";
  const found = await env.DB.prepare(migrations).first<{ tables: number }>();
  return found?.tables === 0 && (await env.ARCHIVE.list({ limit: 1 })).objects.length === 0;
}

// Files share a runtime, and none may see what another one wrote. Now and then the database outlives a reset that
// answered without an error, so its word is not taken for it.
let resets = 0;
do {
  if (resets === RESETS) throw new Error(`Storage still holds another file's rows after ${RESETS} resets.`);
  await reset();
  resets += 1;
} while (!(await isEmpty()));
await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
