/** The object's copy of the routes in force: read from D1, where they are true, and kept for when D1 is away. */
import { z } from 'zod';
import { type AlertRoutes, type Destination, ROUTED_EVENTS, SEVERITIES } from '../core/alerting/routes.ts';
import type { SealingSecret } from '../core/sealing-secret.ts';
import { withinTime } from '../ledger/deadline.ts';
import { unseal } from '../ledger/sealed.ts';
import type { Named } from './wording.ts';

/** The purpose that credentials of destinations are sealed for. */
export const SEAL_PURPOSE = 'alert-destination';
/** A copy older than this is read anew before it is used. */
const FRESH_MS = 60_000;
/** D1 that did not answer is not asked again before then. */
const ASK_AGAIN_MS = 5_000;
const READ_TIMEOUT_MS = 5_000;

export interface RoutesInForce {
  revision: number;
  /** Credentials are sealed in it. */
  routes: AlertRoutes;
  named: Named;
}

const text = z.string();
const destinationSchema = z.discriminatedUnion('type', [
  z.object({ id: text, type: z.literal('slack_dm'), email: text.nullable(), userId: text.nullable() }),
  z.object({ id: text, type: z.literal('slack_channel'), channel: text }),
  z.object({ id: text, type: z.literal('slack_webhook'), url: text }),
  z.object({ id: text, type: z.literal('teams'), url: text }),
  z.object({ id: text, type: z.literal('pagerduty'), routingKey: text }),
  z.object({ id: text, type: z.literal('opsgenie'), apiKey: text, region: z.enum(['us', 'eu']) }),
  z.object({ id: text, type: z.literal('webhook'), url: text, secrets: z.tuple([text], text) }),
  z.object({ id: text, type: z.literal('email'), to: text }),
]) satisfies z.ZodType<Destination>;

const documentSchema = z.object({
  routes: z.array(
    z.object({
      on: z.array(z.enum(ROUTED_EVENTS)),
      severity: z.enum(SEVERITIES),
      to: z.tuple([destinationSchema], destinationSchema),
      quietHours: z.object({ from: text, to: text, timezone: text }).nullable(),
    }),
  ),
  fallback: z.array(destinationSchema),
}) satisfies z.ZodType<AlertRoutes>;

interface CopyRow extends Record<string, SqlStorageValue> {
  document: string | null;
  revision: number;
  name: string | null;
  timezone: string | null;
  read_at_ms: number;
}

const readSchema = z.object({
  document: text.nullable(),
  revision: z.number().int().nullable(),
  name: text.nullable(),
  timezone: text.nullable(),
});

const QUERY = `SELECT r.document, r.revision, c.name, c.timezone
  FROM (SELECT ?1 AS cost_center) asked
  LEFT JOIN alert_routes_in_force r ON r.cost_center = asked.cost_center
  LEFT JOIN cost_centers c ON c.id = asked.cost_center`;

export class RoutesCopy {
  readonly #sql: SqlStorage;
  /** Counts drops: what was asked for before one is not kept. */
  #drops = 0;
  #askAgainMs = 0;
  #reading: Promise<void> | null = null;
  /** The rows as they were read last: documents are long, and asked for with every message. */
  readonly #memory = new Map<string, { readAtMs: number; inForce: RoutesInForce }>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The routes; null where D1 does not answer and there is no copy. Never rejects. */
  async current(db: D1Database, costCenter: string, now: () => number): Promise<RoutesInForce | null> {
    const readAtMs = this.#load(costCenter)?.readAtMs ?? null;
    const isFresh = readAtMs !== null && now() - readAtMs < FRESH_MS && readAtMs <= now();
    if (!isFresh && this.#askAgainMs <= now()) {
      this.#reading ??= this.#read(db, costCenter, now).finally(() => {
        this.#reading = null;
      });
      await this.#reading;
    }
    return this.#load(costCenter)?.inForce ?? null;
  }

  /** Reads them anew; rejects where D1 does not answer. */
  async fresh(db: D1Database, costCenter: string, now: () => number): Promise<RoutesInForce> {
    await this.#fetch(db, costCenter, now);
    const loaded = this.#load(costCenter);
    if (!loaded) throw new Error('the routes cannot be read');
    return loaded.inForce;
  }

  /** Forgets the copy: it is not what D1 says any more. */
  drop(costCenter: string): void {
    this.#drops += 1;
    this.#askAgainMs = 0;
    this.#memory.delete(costCenter);
    this.#sql.exec('DELETE FROM routes WHERE cost_center = ?', costCenter);
  }

  async #read(db: D1Database, costCenter: string, now: () => number): Promise<void> {
    try {
      await this.#fetch(db, costCenter, now);
    } catch (error) {
      this.#askAgainMs = now() + ASK_AGAIN_MS;
      console.warn({ message: 'alert routes were not read', costCenter, error: String(error) });
    }
  }

  async #fetch(db: D1Database, costCenter: string, now: () => number): Promise<void> {
    for (;;) {
      const drops = this.#drops;
      const query = db.prepare(QUERY).bind(costCenter).first();
      const { document, revision, name, timezone } = readSchema.parse(
        await withinTime(query, READ_TIMEOUT_MS),
      );
      if (drops !== this.#drops) continue;
      if (document !== null) documentSchema.parse(JSON.parse(document));
      this.#sql.exec(
        'INSERT OR REPLACE INTO routes VALUES (?, ?, ?, ?, ?, ?)',
        costCenter,
        document,
        revision ?? 0,
        name,
        timezone,
        now(),
      );
      this.#memory.delete(costCenter);
      return;
    }
  }

  #load(costCenter: string): { readAtMs: number; inForce: RoutesInForce } | null {
    const known = this.#memory.get(costCenter);
    if (known) return known;
    const query = 'SELECT document, revision, name, timezone, read_at_ms FROM routes WHERE cost_center = ?';
    const [row] = this.#sql.exec<CopyRow>(query, costCenter).toArray();
    if (!row) return null;
    const routes = row.document === null ? NO_ROUTES : documentSchema.parse(JSON.parse(row.document));
    const named = { name: row.name, timezone: row.timezone ?? 'UTC' };
    const loaded = { readAtMs: row.read_at_ms, inForce: { revision: row.revision, routes, named } };
    this.#memory.set(costCenter, loaded);
    return loaded;
  }
}

const NO_ROUTES: AlertRoutes = { routes: [], fallback: [] };

/** Every destination of the routes once, by its id; those of routes before fallbacks. */
export function destinationsOf({ routes, fallback }: AlertRoutes): Destination[] {
  const all = [...routes.flatMap(({ to }) => to), ...fallback];
  return [...new Map(all.map((each) => [each.id, each])).values()];
}

/** The destination with its credentials in the clear; null where one of them cannot be opened any more. */
export async function openDestination(
  sealed: Destination,
  secrets: readonly SealingSecret[],
): Promise<Destination | null> {
  const open = (value: string) => unseal(value, SEAL_PURPOSE, secrets);
  switch (sealed.type) {
    case 'slack_webhook':
    case 'teams': {
      const url = await open(sealed.url);
      return url === null ? null : { ...sealed, url };
    }
    case 'pagerduty': {
      const routingKey = await open(sealed.routingKey);
      return routingKey === null ? null : { ...sealed, routingKey };
    }
    case 'opsgenie': {
      const apiKey = await open(sealed.apiKey);
      return apiKey === null ? null : { ...sealed, apiKey };
    }
    case 'webhook': {
      const [url, ...opened] = await Promise.all([sealed.url, ...sealed.secrets].map(open));
      const [first, ...rest] = opened.filter((each) => each !== null);
      if (!url || first === undefined || rest.length + 1 < opened.length) return null;
      return { ...sealed, url, secrets: [first, ...rest] };
    }
    default:
      return sealed;
  }
}
