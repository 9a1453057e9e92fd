/** Takes the local gateway's D1 away while it runs: another writer holds the file, and every write fails. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Where Miniflare keeps D1 under the state folder. */
const FOLDER = 'v3/d1/miniflare-D1DatabaseObject';

/** Holds D1's file until the returned function is called. */
export function takeD1Away(stateDir: string): () => void {
  const folder = join(stateDir, FOLDER);
  const files = readdirSync(folder).filter(
    (name) => name.endsWith('.sqlite') && !name.startsWith('metadata'),
  );
  const [file] = files;
  if (file === undefined || files.length > 1) throw new Error(`expected one database in ${folder}`);
  const database = new DatabaseSync(join(folder, file));
  database.exec('PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE');
  return () => {
    database.exec('ROLLBACK');
    database.close();
  };
}
