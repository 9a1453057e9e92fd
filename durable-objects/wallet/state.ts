/** The parts of one wallet, and what undoes their memory when a transaction rolls back. */
import { builtinCatalogue } from '../core/catalogue/models.ts';
import type { Catalogue } from '../core/catalogue/types.ts';
import { Alerts } from './alerts.ts';
import { Clock } from './clock.ts';
import { ConfigurationCopy } from './configuration.ts';
import { Outbox } from './outbox.ts';
import { Sessions } from './sessions.ts';
import { Spend } from './spend.ts';
import { Turns } from './turns.ts';

export class WalletState {
  readonly catalogue: Catalogue = builtinCatalogue;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly configuration: ConfigurationCopy;
  readonly outbox: Outbox;
  readonly sessions: Sessions;
  readonly spend: Spend;
  readonly turns: Turns;
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    const { sql } = storage;
    this.#storage = storage;
    this.clock = new Clock(sql);
    this.configuration = new ConfigurationCopy(storage);
    this.outbox = new Outbox(sql, this.clock.now());
    this.alerts = new Alerts(sql, this.outbox);
    this.sessions = new Sessions(sql);
    this.spend = new Spend(sql);
    this.turns = new Turns(sql);
  }

  /** Runs a synchronous transaction; if it throws, storage and memory are both as before. */
  commit<T>(transaction: () => T): T {
    try {
      return this.#storage.transactionSync(transaction);
    } catch (error) {
      this.clock.reload();
      this.spend.reload();
      this.turns.reload();
      this.outbox.reload(this.clock.now());
      throw error;
    }
  }
}
