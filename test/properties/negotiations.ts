/** Negotiated prices as D1 has them, and what of them one wallet has heard. */
import { env } from 'cloudflare:workers';
import { change, commitChange, type Scenario } from '../wallet/scenario.ts';
import type { CommandThat } from './commands.ts';
import type { Override } from './reference-prices.ts';

export class Negotiations {
  readonly #scenario: Scenario;
  #count = 0;
  /** What is not ended, as of each revision of the cost center that changed it. */
  readonly #revisions: { revision: number; overrides: readonly Override[] }[] = [];

  private constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  /** Overrides are everyone's: those of histories before this one end. */
  static async begin(scenario: Scenario): Promise<Negotiations> {
    const end = "UPDATE price_overrides SET ended_at = '2035-01-01T00:00:00.000Z' WHERE ended_at IS NULL";
    await env.DB.prepare(end).run();
    return new Negotiations(scenario);
  }

  get #inForce(): readonly Override[] {
    return this.#revisions.at(-1)?.overrides ?? [];
  }

  /** A new override; like the API, none that shares an instant with another of the same model. */
  async agree({ model, terms, inMs, lastsMs, pushed }: CommandThat<'override'>): Promise<void> {
    const fromMs = Date.now() + inMs;
    const untilMs = lastsMs === null ? null : fromMs + lastsMs;
    const isInTheWay = (other: Override): boolean =>
      other.model === model && isBefore(fromMs, other.untilMs) && isBefore(other.fromMs, untilMs);
    if (this.#inForce.some(isInTheWay)) return;
    this.#count += 1;
    const id = `price_${this.#scenario.id}_${this.#count}`;
    const override = { id, model, terms, fromMs, untilMs };
    await this.#commit(insert(override), [...this.#inForce, override], pushed);
  }

  async end({ which, pushed }: CommandThat<'end_override'>): Promise<void> {
    const ended = this.#inForce[which % Math.max(this.#inForce.length, 1)];
    if (!ended) return;
    const update = env.DB.prepare('UPDATE price_overrides SET ended_at = ? WHERE id = ?');
    const left = this.#inForce.filter((each) => each !== ended);
    await this.#commit(update.bind(new Date().toISOString(), ended.id), left, pushed);
  }

  async #commit(
    statement: D1PreparedStatement,
    overrides: readonly Override[],
    pushed: boolean,
  ): Promise<void> {
    const { id } = this.#scenario;
    this.#revisions.push({ revision: await commitChange(id, statement), overrides });
    if (pushed) await change(this.#scenario);
  }

  /** What the wallet's copy has: it may have taken a change up by itself. */
  async heard(): Promise<readonly Override[]> {
    const { id, wallet } = this.#scenario;
    const { revision } = await wallet.refresh(id, 0);
    return this.#revisions.findLast((each) => each.revision <= revision)?.overrides ?? [];
  }
}

/** Null: never. */
function isBefore(atMs: number, endMs: number | null): boolean {
  return endMs === null || atMs < endMs;
}

function insert({ id, model, terms, fromMs, untilMs }: Override): D1PreparedStatement {
  const offMillionths = 'prices' in terms ? null : Number(terms.offMillionths);
  const prices =
    'prices' in terms
      ? [
          terms.prices.input,
          terms.prices.cacheWrite5m,
          terms.prices.cacheWrite1h,
          terms.prices.cacheRead,
          terms.prices.output,
        ].map(Number)
      : [null, null, null, null, null];
  const until = untilMs === null ? null : new Date(untilMs).toISOString();
  return env.DB.prepare(
    `INSERT INTO price_overrides (id, model, percent_off_millionths, input_pico_usd, cache_write_5m_pico_usd,
       cache_write_1h_pico_usd, cache_read_pico_usd, output_pico_usd, effective_from, effective_until, reason, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'a test', ?)`,
  ).bind(
    id,
    model,
    offMillionths,
    ...prices,
    new Date(fromMs).toISOString(),
    until,
    new Date().toISOString(),
  );
}
