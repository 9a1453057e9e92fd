/** A large ledger, put into the file of a database that workerd made, while no workerd has it open. */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fillLedger } from '../../test/traffic/many-entries.ts';

/** Of the only database somewhere under `folder`, migrated, its ledger empty. Throws where there is not just one. */
function databaseFile(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    // Workerd's own list of the objects there are.
    (name) => name.endsWith('.sqlite') && basename(name) !== 'metadata.sqlite',
  );
  const [file] = files;
  if (file === undefined || files.length > 1) throw new Error(`${files.length} databases in ${folder}`);
  return join(folder, file);
}

/** Writes this many entries; through D1's binding a million of them would take an hour. */
export function fillLedgerFile(folder: string, entries: number): void {
  const database = new DatabaseSync(databaseFile(folder));
  // A measurement that is cut off begins anew.
  database.exec('PRAGMA synchronous = OFF');
  fillLedger(database, entries);
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
}
