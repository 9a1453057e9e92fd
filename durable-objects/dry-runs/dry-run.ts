/**
 * The job of one dry run: one object a dry run. It reads the cost center's ledger from D1 slice by slice, has the replay
 * take it, and keeps the replay's state and events here until D1 has what came of it; events stay to be looked through.
 *
 * Nothing is worked on in a call: calls write and set the alarm. The alarm never throws, and its work is bounded.
 */
import { DurableObject } from 'cloudflare:workers';
import type { Renaming } from '../core/pseudonym.ts';
import { migrateObject } from '../ledger/object-tables.ts';
import type { DryRunProgress, DryRunRpc, EventFilter, KeptEvent } from './rpc.ts';
import { VERSIONS } from './schema.ts';
import { type Limits, Slices } from './slices.ts';

export interface DryRunEnv {
  DB: D1Database;
}

/** The alarm is there again by then where the object goes in the middle of a run. */
const GUARD_MS = 10_000;
/** After a run that failed by itself, as one of a full storage does. */
const BROKEN_MS = 60_000;

export class DryRun extends DurableObject<DryRunEnv> implements DryRunRpc {
  /** A run takes some seconds of CPU, of the thirty that an alarm has. */
  readonly limits: Limits = { rowsASlice: 1_000, slicesARun: 25, runMs: 5_000, events: 1_000_000 };
  readonly #slices: Slices;

  constructor(ctx: DurableObjectState, env: DryRunEnv) {
    super(ctx, env);
    migrateObject(ctx.storage, VERSIONS);
    this.#slices = new Slices(ctx.storage, env.DB, Date.now);
    ctx.blockConcurrencyWhile(async () => {
      if ((await ctx.storage.getAlarm()) === null) await this.#armAlarm(0);
    });
  }

  async start(id: string): Promise<void> {
    this.#slices.job.begin(id);
    await this.#armAlarm(0);
  }

  async progress(): Promise<DryRunProgress | null> {
    const job = this.#slices.job.read();
    if (!job || job.phase === 'over') return null;
    const { rowsDone, rowsTotal, workedMs } = job;
    const leftMs = rowsDone === 0 ? null : (workedMs / rowsDone) * (rowsTotal - rowsDone);
    return { rowsDone, rowsTotal, etaS: leftMs === null ? null : Math.ceil(leftMs / 1_000) };
  }

  async events(filter: EventFilter, page: { after: number; limit: number }): Promise<KeptEvent[]> {
    return this.#slices.state.events(filter, page);
  }

  async cancel(): Promise<void> {
    this.#slices.interrupt(() => this.#slices.cancel());
    await this.#armAlarm(null);
  }

  async empty(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  async rename(renaming: Renaming): Promise<void> {
    const { job, state, results } = this.#slices;
    // D1 is renamed next, and the old name must not reach it afterwards.
    await this.#slices.told();
    this.#slices.interrupt(() => {
      const phase = job.read()?.phase ?? 'over';
      if (phase === 'over' || phase === 'telling') {
        state.rename(renaming);
        results.rename(renaming);
      } else {
        state.forget();
        state.forgetEvents();
        job.move({ phase: 'preparing', cursor: null, rowsDone: 0, workedMs: 0 });
      }
    });
    await this.#armAlarm(0);
  }

  override async alarm(): Promise<void> {
    try {
      await this.ctx.storage.setAlarm(Date.now() + GUARD_MS);
      await this.#armAlarm(await this.#slices.run(this.limits));
    } catch (error) {
      console.error({ message: 'a dry run cannot go on', error: String(error) });
      await this.ctx.storage.setAlarm(Date.now() + BROKEN_MS);
    }
  }

  /** Has the job go on in so many ms; no alarm where there is none to go on with. */
  async #armAlarm(waitMs: number | null): Promise<void> {
    const job = this.#slices.job.read();
    if (waitMs === null || !job || job.phase === 'over') return await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.setAlarm(Date.now() + waitMs);
  }
}
