/**
 * The alert routes of cost centers and of the organisation: the rows, their changes, and the sealing of what is secret
 * in them. A row holds no secret that D1 alone could give away.
 */
import { eq, sql } from 'drizzle-orm';
import { secretsOf, withSecrets } from '../../durable-objects/core/alerting/destination-secrets.ts';
import type { AlertRoutes, Destination } from '../../durable-objects/core/alerting/routes.ts';
import { ORGANISATION } from '../../durable-objects/ledger/entry.ts';
import { seal, unseal } from '../../durable-objects/ledger/sealed.ts';
import type { Bindings } from '../bindings.ts';
import { type Authorship, commitChange, commitForOrganisation } from './change.ts';
import type { Database } from './database.ts';
import { alertRoutes } from './tables.ts';

/** Sealed; `costCenter` is ORGANISATION for what holds where a cost center has none of its own. */
export type StoredRoutes = typeof alertRoutes.$inferSelect;

type Secrets = Pick<Bindings, 'keySecrets'>;

const PURPOSE = 'alert-destination';
const IV_BYTES = 12;

export async function findAlertRoutes(database: Database, costCenter: string): Promise<StoredRoutes | null> {
  const [row] = await database.select().from(alertRoutes).where(eq(alertRoutes.costCenter, costCenter));
  return row ?? null;
}

/** All destinations of a document, one that has several places each time. */
function destinationsOf({ routes, fallback }: AlertRoutes): Destination[] {
  return [...routes.flatMap(({ to }) => to), ...fallback];
}

async function sealed(destination: Destination, { keySecrets }: Secrets): Promise<Destination> {
  const [newest] = keySecrets;
  const secrets = secretsOf(destination).map((text) =>
    seal(text, PURPOSE, newest, crypto.getRandomValues(new Uint8Array(IV_BYTES))),
  );
  return withSecrets(destination, await Promise.all(secrets));
}

/** The document with its secrets sealed by the newest of KEY_SECRETS. */
export async function sealRoutes({ routes, fallback }: AlertRoutes, secrets: Secrets): Promise<AlertRoutes> {
  const sealAll = (each: readonly Destination[]) => Promise.all(each.map((one) => sealed(one, secrets)));
  return {
    routes: await Promise.all(
      routes.map(async (route) => {
        const [first, ...rest] = route.to;
        return { ...route, to: [await sealed(first, secrets), ...(await sealAll(rest))] as const };
      }),
    ),
    fallback: await sealAll(fallback),
  };
}

/** The destinations of a sealed document in the clear, by id; those whose secret is no longer listed are left out. */
export async function readableDestinations(
  document: AlertRoutes,
  { keySecrets }: Secrets,
): Promise<ReadonlyMap<string, Destination>> {
  const readable = new Map<string, Destination>();
  for (const destination of destinationsOf(document)) {
    if (readable.has(destination.id)) continue;
    const texts = await Promise.all(secretsOf(destination).map((text) => unseal(text, PURPOSE, keySecrets)));
    const secrets = texts.filter((text) => text !== null);
    if (secrets.length === texts.length) readable.set(destination.id, withSecrets(destination, secrets));
  }
  return readable;
}

interface RoutesChange {
  costCenter: string;
  /** What was there when the change was decided on. */
  present: StoredRoutes | null;
  /** As the API shows them, without a secret. */
  before: unknown;
  after: unknown;
}

/** False where the row has changed since. */
async function commit(
  database: Database,
  { costCenter, present, before, after }: RoutesChange,
  action: string,
  statement: Parameters<typeof commitForOrganisation>[1]['statements'][number],
  authorship: Authorship,
): Promise<boolean> {
  const revision = sql`(SELECT revision FROM alert_routes WHERE cost_center = ${costCenter})`;
  const provided = sql`${revision} IS ${present?.revision ?? null}`;
  const change = { action, target: costCenter, before, after, provided, statements: [statement] };
  return costCenter === ORGANISATION
    ? await commitForOrganisation(database, change, authorship)
    : (await commitChange(database, { ...change, costCenter }, authorship)) !== null;
}

/** Puts a sealed document in force; null where another change came between. */
export async function replaceAlertRoutes(
  database: Database,
  change: RoutesChange,
  document: AlertRoutes,
  authorship: Authorship,
): Promise<StoredRoutes | null> {
  const { costCenter, present } = change;
  const row = { costCenter, document, revision: (present?.revision ?? 0) + 1, updatedAt: authorship.at };
  const statement = database
    .insert(alertRoutes)
    .values(row)
    .onConflictDoUpdate({ target: alertRoutes.costCenter, set: row });
  return (await commit(database, change, 'alert_routes.replace', statement, authorship)) ? row : null;
}

/** Takes the routes of a cost center's own away; false where another change came between. */
export async function removeAlertRoutes(
  database: Database,
  change: RoutesChange,
  authorship: Authorship,
): Promise<boolean> {
  const statement = database.delete(alertRoutes).where(eq(alertRoutes.costCenter, change.costCenter));
  return await commit(database, change, 'alert_routes.remove', statement, authorship);
}
