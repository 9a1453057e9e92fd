/**
 * Recomputes the audit log, a bounded piece at a time: D1's chain with its anchors, then the wallets' chains, then the
 * days of the ledger that anchors name and D1 still holds.
 */
import type { LedgerDay } from '../../durable-objects/ledger/audit-anchor.ts';
import { checkAnchor, checkRewriting, problemsOfEvent } from '../../durable-objects/ledger/audit-check.ts';
import { GENESIS, walletAuditHash } from '../../durable-objects/ledger/audit-link.ts';
import { type PublicKey, publicKeysOf } from '../../durable-objects/ledger/signature.ts';
import type { Bindings } from '../bindings.ts';
import {
  anchorFrom,
  hashAt,
  missingWalletEvents,
  readAuditPage,
  readWalletPage,
  type WalletPlace,
} from '../store/audit-pages.ts';
import { hashLedgerDay, isDayAway, PAGE_ENTRIES } from '../store/ledger-days.ts';
import { DAY_MS, dayOf } from './reconciliation-run.ts';

export interface AuditProblem {
  /** `audit_events`, `wallet:<cost center>` or `ledger:<cost center>`. */
  where: string;
  sequence: number | null;
  what: string;
}

/** How far a verification came; each part goes on where it stopped. */
export interface Progress {
  part: 'events' | 'wallets' | 'ledger' | 'done';
  event: number;
  wallet: WalletPlace;
  /** An anchor's event, and how many of the days it names were looked at. */
  ledger: { anchor: number; day: number };
  /** Found so far. */
  counts: { events: number; anchors: number; walletEvents: number; ledgerDays: number; archivedDays: number };
  problems: number;
}

export const BEGINNING: Progress = {
  part: 'events',
  event: 0,
  wallet: { cost_center: '', sequence: 0, hash: GENESIS },
  ledger: { anchor: 0, day: 0 },
  counts: { events: 0, anchors: 0, walletEvents: 0, ledgerDays: 0, archivedDays: 0 },
  problems: 0,
};

type Access = Pick<Bindings, 'db' | 'signingKeys' | 'archive'>;

/** Problems that are told of one by one; the rest are counted. */
const MAX_PROBLEMS = 100;
const WALLET_PAGE = 500;
/** A Worker may make 1,000 calls a request; what begins before this many are made, a page or a day, is finished. */
const MAX_CALLS = 500;

/** One call's work: what it may still do, and what it found. */
class Verification {
  readonly db: D1Database;
  readonly keys: readonly PublicKey[];
  readonly progress: Progress;
  readonly problems: AuditProblem[] = [];
  /** Events and entries that may still be looked at, and calls of D1 that may still be made. */
  #left: number;
  #callsLeft = MAX_CALLS;

  constructor(db: D1Database, keys: readonly PublicKey[], progress: Progress, limit: number) {
    this.db = db;
    this.keys = keys;
    this.progress = structuredClone(progress);
    this.#left = limit;
  }

  /** Counts what was looked at, and the calls it took. */
  spend(items: number, calls: number): void {
    this.#left -= items;
    this.#callsLeft -= calls;
  }

  isSpent(): boolean {
    return this.#left <= 0 || this.#callsLeft <= 0;
  }

  found(where: string, sequence: number | null, what: string): void {
    this.progress.problems += 1;
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ where, sequence, what });
  }
}

export interface Verified {
  progress: Progress;
  problems: AuditProblem[];
}

/** Goes on after `progress` for about `limit` events and entries, or fewer where they take many calls. Rejects where D1 is away. */
export async function verifyAudit(
  { db, signingKeys, archive }: Access,
  progress: Progress,
  limit: number,
  nowMs: number,
): Promise<Verified> {
  const work = new Verification(db, await publicKeysOf(signingKeys), progress, limit);
  const hotMs = archive ? archive.hotDays * DAY_MS : nowMs;
  const firstDay = dayOf(nowMs - hotMs);
  while (!work.isSpent() && work.progress.part !== 'done') {
    if (work.progress.part === 'events') await verifyEvents(work);
    else if (work.progress.part === 'wallets') await verifyWallets(work);
    else await verifyLedger(work, firstDay);
  }
  return { progress: work.progress, problems: work.problems };
}

/** The next page of D1's chain. */
async function verifyEvents(work: Verification): Promise<void> {
  const { db, keys, progress } = work;
  const { event: from, counts } = progress;
  const page = await readAuditPage(db, from, Number.MAX_SAFE_INTEGER);
  if (page.length === 0) progress.part = 'wallets';
  let previous = { sequence: from, hash: (await hashAt(db, from)) ?? GENESIS };
  for (const each of page) {
    if ('problem' in each) {
      work.found('audit_events', each.sequence, each.problem);
      const hash = await hashAt(db, each.sequence);
      work.spend(0, 1);
      if (hash !== null) previous = { sequence: each.sequence, hash };
      continue;
    }
    const { event } = each;
    for (const what of problemsOfEvent(event, previous)) work.found('audit_events', event.sequence, what);
    const { anchor, problems } = await checkAnchor(event, previous, keys);
    for (const what of problems) work.found('audit_events', event.sequence, what);
    const rewriting = await checkRewriting(event, keys);
    for (const what of rewriting.problems) work.found('audit_events', event.sequence, what);
    if (anchor) {
      counts.anchors += 1;
      work.spend(0, 1);
      for (const { cost_center, sequence } of await missingWalletEvents(db, anchor.wallets)) {
        const what = `anchor ${event.sequence} has another event of this number, or it is gone`;
        work.found(`wallet:${cost_center}`, sequence, what);
      }
    }
    counts.events += 1;
    previous = event;
  }
  progress.event = Math.max(from, previous.sequence);
  work.spend(page.length, 2);
}

/** The next page of the wallets' chains. */
async function verifyWallets(work: Verification): Promise<void> {
  const { progress } = work;
  const page = await readWalletPage(work.db, progress.wallet, WALLET_PAGE);
  if (page.length === 0) progress.part = 'ledger';
  let previous = progress.wallet;
  for (const event of page) {
    const { cost_center, sequence, hash } = event;
    const isFirst = previous.cost_center !== cost_center;
    const before = isFirst ? { sequence: 0, hash: GENESIS } : previous;
    const where = `wallet:${cost_center}`;
    if (sequence !== before.sequence + 1) {
      work.found(where, sequence, `it comes after event ${before.sequence}`);
    }
    if (event.previous_hash !== before.hash) {
      work.found(where, sequence, 'previous_hash is not the hash of the event before');
    }
    if (walletAuditHash(event) !== hash) work.found(where, sequence, 'its hash does not fit what it says');
    progress.counts.walletEvents += 1;
    previous = { cost_center, sequence, hash };
  }
  progress.wallet = previous;
  work.spend(page.length, 1);
}

/** The next of the ledger's days that anchors name. */
async function verifyLedger(work: Verification, firstDay: string): Promise<void> {
  const { db, progress } = work;
  const anchor = await anchorFrom(db, progress.ledger.anchor, firstDay);
  work.spend(1, 1);
  if (!anchor) {
    progress.part = 'done';
    return;
  }
  const { sequence, ledger } = anchor;
  const begun = sequence === progress.ledger.anchor ? progress.ledger.day : 0;
  for (let at = begun; at < ledger.length; at += 1) {
    progress.ledger = { anchor: sequence, day: at };
    if (work.isSpent()) return;
    const day = ledger[at];
    if (day && day.day >= firstDay) await verifyDay(work, sequence, day);
  }
  progress.ledger = { anchor: sequence + 1, day: 0 };
}

/** A day's entries against what an anchor says of it, which has to be one of the steps of its hash. */
async function verifyDay(
  work: Verification,
  sequence: number,
  { day, cost_center: costCenter, entries, hash }: LedgerDay,
): Promise<void> {
  const { counts } = work.progress;
  const unit = { day, costCenter };
  const { entries: present, steps } = await hashLedgerDay(work.db, unit, [entries]);
  work.spend(1 + present, 1 + Math.floor(present / PAGE_ENTRIES));
  if (steps.get(entries) === hash) {
    counts.ledgerDays += 1;
    return;
  }
  work.spend(0, 1);
  if (await isDayAway(work.db, unit)) {
    counts.archivedDays += 1;
    return;
  }
  counts.ledgerDays += 1;
  const what =
    present < entries
      ? `${day} has ${present} entries, and ${entries} by anchor ${sequence}`
      : `the entries of ${day} are not those of anchor ${sequence}`;
  work.found(`ledger:${costCenter}`, sequence, what);
}
