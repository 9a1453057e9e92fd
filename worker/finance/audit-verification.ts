/**
 * Recomputes the audit log, a bounded piece at a time: D1's chain with its anchors, then the wallets' chains, then the
 * days of the ledger that anchors name and D1 still holds.
 */
import { checkAnchor, checkRewriting, problemsOfEvent } from '../../durable-objects/ledger/audit-check.ts';
import { GENESIS, walletAuditHash } from '../../durable-objects/ledger/audit-link.ts';
import { type PublicKey, publicKeysOf } from '../../durable-objects/ledger/signature.ts';
import type { Bindings } from '../bindings.ts';
import {
  type AnchoredUnit,
  anchoredUnits,
  hashAt,
  missingWalletEvents,
  nextCostCenter,
  readAuditPage,
  readWalletPage,
  type WalletPlace,
} from '../store/audit-pages.ts';
import { hashLedgerDay, isDayAway } from '../store/ledger-days.ts';
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
  ledger: { cost_center: string; day: string };
  /** Found so far. */
  counts: { events: number; anchors: number; walletEvents: number; ledgerDays: number; archivedDays: number };
  problems: number;
}

export const BEGINNING: Progress = {
  part: 'events',
  event: 0,
  wallet: { cost_center: '', sequence: 0, hash: GENESIS },
  ledger: { cost_center: '', day: '' },
  counts: { events: 0, anchors: 0, walletEvents: 0, ledgerDays: 0, archivedDays: 0 },
  problems: 0,
};

type Access = Pick<Bindings, 'db' | 'signingKeys' | 'archive'>;

/** Problems that are told of one by one; the rest are counted. */
const MAX_PROBLEMS = 100;
const WALLET_PAGE = 500;

/** One call's work: what it may still do, and what it found. */
class Verification {
  readonly db: D1Database;
  readonly keys: readonly PublicKey[];
  readonly progress: Progress;
  readonly problems: AuditProblem[] = [];
  /** Events and entries that may still be looked at. */
  left: number;

  constructor(db: D1Database, keys: readonly PublicKey[], progress: Progress, limit: number) {
    this.db = db;
    this.keys = keys;
    this.progress = structuredClone(progress);
    this.left = limit;
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

/** Goes on after `progress` for about `limit` events and entries. Rejects where D1 is away. */
export async function verifyAudit(
  { db, signingKeys, archive }: Access,
  progress: Progress,
  limit: number,
  nowMs: number,
): Promise<Verified> {
  const work = new Verification(db, await publicKeysOf(signingKeys), progress, limit);
  const hotMs = archive ? archive.hotDays * DAY_MS : nowMs;
  const firstDay = dayOf(nowMs - hotMs);
  while (work.left > 0 && work.progress.part !== 'done') {
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
      for (const { cost_center, sequence } of await missingWalletEvents(db, anchor.wallets)) {
        const what = `anchor ${event.sequence} has another event of this number, or it is gone`;
        work.found(`wallet:${cost_center}`, sequence, what);
      }
    }
    counts.events += 1;
    previous = event;
  }
  progress.event = Math.max(from, previous.sequence);
  work.left -= page.length;
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
  work.left -= page.length;
}

/** The next days of one cost center's ledger. */
async function verifyLedger(work: Verification, firstDay: string): Promise<void> {
  const { db, progress } = work;
  const { cost_center: costCenter, day: after } = progress.ledger;
  const units = costCenter === '' ? [] : await anchoredUnits(db, costCenter, { after, firstDay });
  for (const [day, anchored] of Map.groupBy(units, (unit) => unit.day)) {
    if (work.left <= 0) return;
    await verifyDay(work, { day, costCenter }, anchored);
    progress.ledger = { cost_center: costCenter, day };
  }
  const next = await nextCostCenter(db, costCenter);
  if (next === null) progress.part = 'done';
  else progress.ledger = { cost_center: next, day: '' };
  work.left -= 1;
}

/** A day's entries against all that anchors say of it: each has to be one of the steps of its hash. */
async function verifyDay(
  work: Verification,
  unit: { day: string; costCenter: string },
  anchored: readonly AnchoredUnit[],
): Promise<void> {
  const { counts } = work.progress;
  if (await isDayAway(work.db, unit)) {
    counts.archivedDays += 1;
    return;
  }
  const counted = anchored.map(({ entries }) => entries);
  const { entries: present, steps } = await hashLedgerDay(work.db, unit, counted);
  counts.ledgerDays += 1;
  work.left -= present;
  for (const { sequence, entries, hash } of anchored) {
    if (steps.get(entries) === hash) continue;
    const what =
      present < entries
        ? `${unit.day} has ${present} entries, and ${entries} by anchor ${sequence}`
        : `the entries of ${unit.day} are not those of anchor ${sequence}`;
    work.found(`ledger:${unit.costCenter}`, sequence, what);
  }
}
