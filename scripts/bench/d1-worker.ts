/**
 * D1 for plain workerd, which has none: the protocol of D1's binding over SQLite in a Durable Object. It runs
 * in a workerd of its own, as D1 runs elsewhere than the Worker, so that its work is not counted as Bursar's.
 */
import { DurableObject } from 'cloudflare:workers';

interface D1Env {
  DATABASE: DurableObjectNamespace<Database>;
}

interface Query {
  sql: string;
  params?: (string | number | null)[] | null;
}

export class Database extends DurableObject<D1Env> {
  /** Runs the queries in one transaction, as D1 does with a batch. */
  run(queries: Query[], format: string): unknown[] {
    return this.ctx.storage.transactionSync(() => queries.map((query) => this.#runOne(query, format)));
  }

  #runOne({ sql, params }: Query, format: string): unknown {
    const cursor = this.ctx.storage.sql.exec(sql, ...(params ?? []));
    const columns = cursor.columnNames;
    const rows = [...cursor.raw()];
    const results =
      format === 'ROWS_AND_COLUMNS'
        ? { columns, rows }
        : rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]])));
    const changes = this.ctx.storage.sql.exec('SELECT changes() AS changes').one().changes;
    return { success: true, results, meta: { duration: 0, changes, rows_written: cursor.rowsWritten } };
  }
}

export default {
  async fetch(request: Request, env: D1Env): Promise<Response> {
    const format = new URL(request.url).searchParams.get('resultsFormat') ?? '';
    const asked = await request.json<Query | Query[]>();
    const database = env.DATABASE.getByName('bursar');
    try {
      const results = await database.run(Array.isArray(asked) ? asked : [asked], format);
      return Response.json(Array.isArray(asked) ? results : results[0]);
    } catch (error) {
      return Response.json({ success: false, error: error instanceof Error ? error.message : String(error) });
    }
  },
};
