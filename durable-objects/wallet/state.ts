/** The parts of one wallet, and what undoes their memory when a transaction rolls back. */
import { builtinCatalogue } from '../core/catalogue/models.ts';
import type { Catalogue } from '../core/catalogue/types.ts';
import type { Renaming } from '../core/pseudonym.ts';
import { SESSION_KEPT_MS } from '../core/session.ts';
import { AlertHandover } from './alert-handover.ts';
import { Alerts } from './alerts.ts';
import { WalletAudit } from './audit.ts';
import { recordApplied, recordRefused, recordRenamed } from './audit-acts.ts';
import { Clock } from './clock.ts';
import { ConfigurationCopy } from './configuration-copy.ts';
import { GuardRecords } from './guard-records.ts';
import { VirtualKeys } from './keys.ts';
import { Outbox } from './outbox.ts';
import { tellRefusedPolicies } from './policy-signature.ts';
import { PriceBooks } from './price-books.ts';
import { Projections } from './projections.ts';
import { Raises } from './raises.ts';
import { RedeemedCodes } from './redeemed-codes.ts';
import { RefusedModels } from './refused-models.ts';
import { ServedSessions } from './served-sessions.ts';
import { SessionProviders } from './session-providers.ts';
import { SessionSpans } from './session-spans.ts';
import { SessionStops } from './session-stops.ts';
import { Sessions } from './sessions.ts';
import { Spend } from './spend.ts';
import { Telemetry } from './telemetry.ts';
import { tellTurnedModels } from './turned-models.ts';
import { Turns } from './turns.ts';

export class WalletState {
  readonly alerts: Alerts;
  readonly audit: WalletAudit;
  readonly clock: Clock;
  readonly configuration: ConfigurationCopy;
  readonly guards: GuardRecords;
  readonly handover: AlertHandover;
  readonly keys: VirtualKeys;
  readonly outbox: Outbox;
  readonly prices: PriceBooks;
  readonly projections: Projections;
  readonly raises: Raises;
  readonly redeemedCodes: RedeemedCodes;
  readonly refusedModels: RefusedModels;
  readonly served: ServedSessions;
  readonly sessions: Sessions;
  readonly sessionProviders: SessionProviders;
  readonly spans: SessionSpans;
  readonly stops: SessionStops;
  readonly spend: Spend;
  readonly telemetry: Telemetry;
  readonly turns: Turns;
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    const { sql } = storage;
    this.#storage = storage;
    this.clock = new Clock(sql);
    this.keys = new VirtualKeys(sql);
    this.raises = new Raises(sql);
    this.stops = new SessionStops(sql);
    this.audit = new WalletAudit(sql, this.clock.now());
    this.outbox = new Outbox(sql, this.audit, this.clock.now());
    this.handover = new AlertHandover(sql);
    this.alerts = new Alerts(sql, this.outbox, this.handover);
    this.projections = new Projections();
    this.prices = new PriceBooks(sql);
    this.guards = new GuardRecords(sql);
    this.configuration = new ConfigurationCopy(
      storage,
      [this.keys, this.raises, this.stops],
      {
        replaced: (before, after, nowMs) => {
          recordApplied(this.audit, before, after, nowMs);
          if (before) tellTurnedModels(this.alerts, before, after, nowMs);
          tellRefusedPolicies(this.alerts, before, after, nowMs);
        },
        refused: (refused, nowMs) => recordRefused(this.audit, refused, nowMs),
      },
      this.clock.now(),
      this.guards.tripped,
    );
    this.redeemedCodes = new RedeemedCodes(sql);
    this.refusedModels = new RefusedModels(sql);
    this.served = new ServedSessions(sql);
    this.sessions = new Sessions(sql);
    this.sessionProviders = new SessionProviders(sql);
    this.spans = new SessionSpans(sql);
    this.spend = new Spend(sql);
    this.telemetry = new Telemetry(sql);
    this.turns = new Turns(sql);
  }

  /** The models and contracted prices in force. */
  get catalogue(): Catalogue {
    return this.configuration.current()?.catalogue ?? builtinCatalogue;
  }

  /** Forgets what no budget, session or late report can need any more. Call inside a transaction. */
  forgetBefore(nowMs: number): void {
    this.turns.forgetBefore(nowMs);
    this.spend.forgetBefore(nowMs, nowMs - SESSION_KEPT_MS);
    this.sessions.forgetBefore(nowMs);
    this.sessionProviders.forgetBefore(nowMs);
    this.spans.forgetBefore(nowMs);
    this.served.forgetOver();
    this.redeemedCodes.forgetBefore(nowMs);
    this.raises.forgetBefore(nowMs);
    this.refusedModels.forgetBefore(nowMs);
    this.alerts.forgetBefore(nowMs);
    this.prices.forgetBefore(nowMs);
    this.guards.forgetBefore(nowMs);
  }

  /**
   * Puts a pseudonym in a developer's place, everywhere and at once: their budgets' sums go on under it. Can be
   * repeated. Call while the outbox is idle.
   */
  rename(renaming: Renaming): void {
    this.commit(() => {
      for (const part of [
        this.keys,
        this.spend,
        this.turns,
        this.sessions,
        this.served,
        this.alerts,
        this.raises,
        this.outbox,
        this.handover,
        this.guards,
      ]) {
        part.rename(renaming);
      }
      recordRenamed(this, renaming);
    });
  }

  /** Runs a synchronous transaction; if it throws, storage and memory are both as before. */
  commit<T>(transaction: () => T): T {
    try {
      return this.#storage.transactionSync(transaction);
    } catch (error) {
      this.clock.reload();
      this.spend.reload();
      this.turns.reload();
      this.prices.reload();
      this.audit.reload(this.clock.now());
      this.guards.reload();
      this.outbox.reload(this.clock.now());
      throw error;
    }
  }
}
