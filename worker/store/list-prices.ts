/**
 * The list prices as records: the built-in catalogue's version written to D1, where finance reads what an entry's
 * `list_price_version` stands for. Written from the catalogue itself, never by hand; what is there stays as it is.
 */
import { eq } from 'drizzle-orm';
import type { Ratio } from '../../durable-objects/core/catalogue/overrides.ts';
import type { Catalogue, Model } from '../../durable-objects/core/catalogue/types.ts';
import type { Database } from './database.ts';
import { listPrices, priceVersions } from './price-tables.ts';

type ListPrice = typeof listPrices.$inferSelect;

const MILLION = 1_000_000;
/** D1 takes 100 parameters a statement; a row has 14. */
const ROWS_A_STATEMENT = 7;

/** Throws a RangeError where millionths cannot say it: a catalogue with such a multiplier needs another column. */
function millionths([numerator, denominator]: Ratio): number {
  const value = (numerator * MILLION) / denominator;
  if (!Number.isSafeInteger(value)) throw new RangeError(`not in millionths: ${numerator}/${denominator}`);
  return value;
}

function rowsOf(version: string, model: Model): ListPrice[] {
  const multipliers = {
    fastMillionths: millionths(model.fastMultiplier ?? [1, 1]),
    geoUsMillionths: millionths(model.geoUsMultiplier),
  };
  return model.periods.flatMap(({ fromMs, tiers }) =>
    tiers.map((prices, tier) => ({
      version,
      model: model.id,
      aliases: model.aliases,
      line: model.line,
      effectiveFrom: fromMs === null ? '' : new Date(fromMs).toISOString(),
      tier,
      ...prices,
      ...multipliers,
    })),
  );
}

/** Writes a catalogue's list prices, once; `at` is ISO 8601 in UTC. Rejects where D1 is away. */
export async function publishListPrices(database: Database, catalogue: Catalogue, at: string): Promise<void> {
  const { version, webSearchPicoUsd } = catalogue;
  const known = await database.select().from(priceVersions).where(eq(priceVersions.version, version));
  if (known.length > 0) return;
  const rows = catalogue.models.flatMap((model) => rowsOf(version, model));
  const inserts = [];
  for (let first = 0; first < rows.length; first += ROWS_A_STATEMENT) {
    const some = rows.slice(first, first + ROWS_A_STATEMENT);
    inserts.push(database.insert(listPrices).values(some).onConflictDoNothing());
  }
  // One batch, the version with its rows; two that come at once write the same.
  await database.batch([
    database
      .insert(priceVersions)
      .values({ version, webSearchPicoUsd, publishedAt: at })
      .onConflictDoNothing(),
    ...inserts,
  ]);
}
