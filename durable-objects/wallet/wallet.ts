/**
 * The wallet of one cost center: load, decide, commit. A thin shell that owns the storage, the alarm and the
 * calls; what money and decisions mean is in core/, each transaction in a file of its own.
 *
 * An object has one alarm. It serves leases first, then the outbox, starts what goes to a collector without waiting
 * for it, and never throws: an alarm that throws six times is dropped, and with it every lease.
 */
import { DurableObject } from 'cloudflare:workers';
import { readOtlpDestination } from '../core/otlp-destination.ts';
import type { Renaming } from '../core/pseudonym.ts';
import { migrateObject } from '../ledger/object-tables.ts';
import { type AlertTakers, takerOf } from './alert-handover.ts';
import { raiseAlert, recordHoldEnded, redeemCode } from './audit-acts.ts';
import { authorizeKey } from './authorize.ts';
import { callerReply } from './caller.ts';
import { policyInForce } from './configuration.ts';
import { type CopyEnv, FreshCopy } from './fresh-copy.ts';
import { gaugesOf, holdViews } from './gauges.ts';
import { watchAsking } from './guard-asking.ts';
import { guardFigures } from './guard-view.ts';
import { expireLeases } from './leases.ts';
import { tellLedgerLag } from './ledger-lag.ts';
import { rateViews } from './limiting.ts';
import { openTurn } from './open.ts';
import { savePreference } from './preferences.ts';
import { reopenTurn } from './reopen.ts';
import type {
  AuthorizeReply,
  CallerReply,
  GuardFigures,
  HoldView,
  OpenReply,
  OpenRequest,
  RenewReply,
  RenewRequest,
  ReopenRequest,
  SettleReply,
  SettleRequest,
  WalletGauges,
  WalletRpc,
  WalletTotals,
  WalletView,
} from './rpc.ts';
import { VERSIONS } from './schema.ts';
import { expireTurn, renewTurn, settleTurn } from './settle.ts';
import { allStandings, toStandingView } from './standings.ts';
import { WalletState } from './state.ts';
import { totalsOf } from './totals.ts';

/** What the wallet needs of the deployment. */
export interface WalletEnv extends CopyEnv {
  /** Where alerts are delivered. */
  ALERTS: AlertTakers;
  /** A collector for spans, as core/otlp-destination reads it; none by default. */
  OTLP_ENDPOINT?: string;
  OTLP_HEADERS?: string;
}

/** Old rows are dropped at most this often. */
const CLEANUP_EVERY_MS = 3_600_000;

export class Wallet extends DurableObject<WalletEnv> implements WalletRpc {
  readonly #state: WalletState;
  readonly #copy: FreshCopy;
  #alarmMs: number | null = null;
  #cleanedMs = 0;

  constructor(ctx: DurableObjectState, env: WalletEnv) {
    super(ctx, env);
    migrateObject(ctx.storage, VERSIONS);
    this.#state = new WalletState(ctx.storage);
    this.#copy = new FreshCopy(this.#state, env, () => this.#armAlarm());
    ctx.blockConcurrencyWhile(async () => {
      this.#alarmMs = await ctx.storage.getAlarm();
    });
  }

  async open(request: OpenRequest): Promise<OpenReply> {
    const configuration = await this.#copy.withKey(request.costCenter, request.keyId);
    if (!configuration) return { status: 'unavailable', message: 'the configuration cannot be read' };
    const reply = this.#state.commit(() => openTurn(this.#state, configuration, request));
    this.#armAlarm();
    return reply;
  }

  async reopen(request: ReopenRequest): Promise<OpenReply> {
    const configuration = this.#copy.usable();
    if (!configuration) return { status: 'unavailable', message: 'the configuration cannot be read' };
    const reply = this.#state.commit(() => reopenTurn(this.#state, configuration, request));
    this.#armAlarm();
    return reply;
  }

  async renew(request: RenewRequest): Promise<RenewReply> {
    const reply = this.#state.commit(() => renewTurn(this.#state, request));
    this.#armAlarm();
    return reply;
  }

  async settle(request: SettleRequest): Promise<SettleReply> {
    const reply = this.#state.commit(() => settleTurn(this.#state, request));
    this.#armAlarm();
    return reply;
  }

  async authorize(costCenter: string, keyId: string): Promise<AuthorizeReply> {
    const configuration = await this.#copy.withKey(costCenter, keyId);
    if (!configuration) return { status: 'unavailable', message: 'the configuration cannot be read' };
    return authorizeKey(this.#state, configuration, keyId);
  }

  async caller(costCenter: string, keyId: string, session: string | null): Promise<CallerReply> {
    const configuration = await this.#copy.withKey(costCenter, keyId);
    if (!configuration) return { status: 'unavailable', message: 'the configuration cannot be read' };
    return callerReply(this.#state, configuration, keyId, session);
  }

  async redeem(code: string, untilMs: number): Promise<boolean> {
    const isFirst = this.#state.commit(() => redeemCode(this.#state, code, untilMs));
    this.#armAlarm();
    return isFirst;
  }

  async prefer(
    costCenter: string,
    keyId: string,
    session: string,
    model: string | null,
  ): Promise<AuthorizeReply> {
    const authorized = await this.authorize(costCenter, keyId);
    if (authorized.status !== 'authorized') return authorized;
    this.#state.commit(() => savePreference(this.#state, { keyId, session, model }, authorized.developer));
    this.#armAlarm();
    return authorized;
  }

  async view(costCenter: string): Promise<WalletView> {
    const configuration = await this.#copy.of(costCenter);
    const nowMs = this.#state.clock.now();
    const asOf = new Date(nowMs).toISOString();
    const policy = configuration && policyInForce(configuration, nowMs, null);
    if (!policy) return { budgets: [], limits: [], policyVersion: null, asOf };
    const standings = allStandings(this.#state, policy.policy, costCenter, nowMs);
    const budgets = standings.map((standing) => toStandingView(standing, policy.policy.timezone));
    const limits = rateViews(this.#state, policy.policy, nowMs);
    return { budgets, limits, policyVersion: policy.version, asOf };
  }

  async guard(rollout: { id: string; version: number; baseVersion: number }): Promise<GuardFigures> {
    return guardFigures(this.#state.guards, rollout);
  }

  async requested(
    costCenter: string,
    keyId: string,
    requestId: string,
    session: string | null,
  ): Promise<void> {
    const configuration = await this.#copy.withKey(costCenter, keyId);
    if (!configuration) return;
    this.#state.commit(() => watchAsking(this.#state, configuration, { keyId, requestId, session }));
    this.#armAlarm();
  }

  async holds(): Promise<HoldView[]> {
    return holdViews(this.#state);
  }

  async gauges(): Promise<WalletGauges> {
    return gaugesOf(this.#state);
  }

  async totals(costCenter: string, fromMs: number, toMs: number): Promise<WalletTotals> {
    return totalsOf(this.#state, costCenter, { startMs: fromMs, endMs: toMs });
  }

  async endHold(turnId: string, reason: string): Promise<boolean> {
    const isEnded = this.#state.commit(() => {
      const row = this.#state.turns.find(turnId);
      if (row?.state !== 'open') return false;
      expireTurn(this.#state, row, `ended: ${reason}`);
      recordHoldEnded(this.#state, turnId, reason);
      return true;
    });
    this.#armAlarm();
    return isEnded;
  }

  async refresh(costCenter: string, revision: number): Promise<{ revision: number }> {
    return { revision: await this.#copy.atLeast(costCenter, revision) };
  }

  async raise(
    costCenter: string,
    event: { on: string; turnId: string | null; facts: unknown },
  ): Promise<void> {
    this.#state.commit(() => raiseAlert(this.#state, costCenter, event));
    this.#armAlarm();
  }

  async rename(renaming: Renaming): Promise<void> {
    await Promise.all([this.#state.outbox.idle(), this.#state.handover.idle()]);
    this.#state.rename(renaming);
    this.#armAlarm();
  }

  override async alarm(): Promise<void> {
    this.#alarmMs = null;
    try {
      expireLeases(this.#state);
      // A hanging delivery must not keep the ledger waiting, nor the next lease.
      this.#handOver();
      await this.#drain();
      tellLedgerLag(this.#state);
      this.#state.projections.tell(this.#state);
      this.#cleanUp();
      await this.#copy.keep();
    } catch (error) {
      console.error({ message: 'the alarm met an error', error: String(error) });
    } finally {
      this.#armAlarm();
    }
  }

  #handOver(): void {
    const { clock, configuration, handover } = this.#state;
    const costCenter = configuration.current()?.costCenter;
    if (costCenter === undefined || handover.dueMs() === null) return;
    const taker = () => takerOf(this.env.ALERTS, costCenter, this.ctx.id.jurisdiction);
    this.ctx.waitUntil(handover.send(costCenter, taker, () => clock.now()).finally(() => this.#armAlarm()));
  }

  /** The ledger first; what of it goes to a collector is sent beside, and nothing waits for that. */
  async #drain(): Promise<void> {
    const { outbox, telemetry, clock } = this.#state;
    const now = () => clock.now();
    const read = readOtlpDestination(this.env);
    const destination = read.ok ? read.value : null;
    await outbox.drain(this.env.DB, now, destination ? (entries) => telemetry.take(entries) : undefined);
    if (destination) this.ctx.waitUntil(telemetry.send(destination, now).finally(() => this.#armAlarm()));
  }

  #cleanUp(): void {
    const nowMs = this.#state.clock.now();
    if (nowMs - this.#cleanedMs < CLEANUP_EVERY_MS) return;
    this.#cleanedMs = nowMs;
    this.#state.commit(() => this.#state.forgetBefore(nowMs));
  }

  /** Sets the alarm to what is due next, if it is not set to that or earlier already. */
  #armAlarm(): void {
    const { turns, outbox, telemetry, handover } = this.#state;
    const dues = [turns.nextLeaseMs(), outbox.dueMs(), telemetry.dueMs(), handover.dueMs()].filter(
      (due) => due !== null,
    );
    if (dues.length === 0) return;
    // Dues are by the wallet's clock, alarms by the platform's: after a jump back the two differ.
    const dueMs = Date.now() + Math.max(0, Math.min(...dues) - this.#state.clock.now());
    if (this.#alarmMs !== null && this.#alarmMs <= dueMs) return;
    this.#alarmMs = dueMs;
    this.ctx.waitUntil(this.ctx.storage.setAlarm(dueMs));
  }
}
