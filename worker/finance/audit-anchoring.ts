/**
 * The daily anchor: the heads of the wallets' chains and the hashes of finished days of the ledger go, signed, into D1's
 * audit chain. Days that were missed are caught up with; what is anchored already is left alone.
 */
import { ANCHOR, type LedgerDay, signAnchor } from '../../durable-objects/ledger/audit-anchor.ts';
import { LEDGER_DAY_FORM } from '../../durable-objects/ledger/ledger-day.ts';
import type { Bindings } from '../bindings.ts';
import {
  type AnchoredDay,
  areNotAnchored,
  isAnchored,
  movedWallets,
  noteDays,
  noteWallets,
} from '../store/audit-anchors.ts';
import { chainOldEvents, commitComposed } from '../store/audit-chain.ts';
import type { Authorship } from '../store/change.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { type HashedDay, hashLedgerDay, listPendingDays, type PendingDay } from '../store/ledger-days.ts';
import { DAY_MS, dayOf } from './reconciliation-run.ts';

/** As the audit log names what is done by the clock. */
const ACTOR = 'schedule';
/** Items of one anchor, of each kind: an event of at most some 100 KB. */
const ITEMS = 200;
/** A run begins no further anchor after this time; the next run goes on. */
const RUN_MS = 60_000;

type Access = Pick<Bindings, 'db' | 'signingKeys'>;

export interface Anchored {
  anchors: number;
  days: number;
  wallets: number;
  /** False: there is more than one run does. */
  isComplete: boolean;
}

function itemOf({ day, costCenter, entries, hash }: PendingDay, hashed: HashedDay): LedgerDay {
  const item = {
    cost_center: costCenter,
    day,
    form: LEDGER_DAY_FORM,
    entries: hashed.entries,
    charged_nano_usd: String(hashed.chargedNanoUsd),
    hash: hashed.hash,
  };
  if (entries === null || hash === null || hashed.steps.get(entries) === hash) return item;
  console.error({ message: 'a day of the ledger is not what was anchored of it', day, costCenter });
  return { ...item, contradicts: { entries, hash } };
}

async function hashPending(db: D1Database, today: string): Promise<AnchoredDay[]> {
  const days: AnchoredDay[] = [];
  for (const pending of await listPendingDays(db, today, ITEMS)) {
    const hashed = await hashLedgerDay(db, pending, pending.entries === null ? [] : [pending.entries]);
    days.push({ pending, item: itemOf(pending, hashed) });
  }
  return days;
}

function isNews({ pending, item }: AnchoredDay): boolean {
  return pending.hash !== item.hash;
}

/** Makes one anchor; null where there is nothing to anchor. */
async function anchorOnce(
  database: Database,
  { db, signingKeys }: Access,
  day: string,
  authorship: Authorship,
): Promise<{ days: number; wallets: number } | null> {
  const days = await hashPending(db, authorship.at.slice(0, 10));
  const news = days.filter(isNews);
  let wallets = 0;
  const results = await commitComposed(database, async (head) => {
    const heads = await movedWallets(database, day, ITEMS);
    if (head.sequence === 0 && heads.length === 0 && news.length === 0) return null;
    if (heads.length === 0 && news.length === 0 && (await isAnchored(database, day))) return null;
    wallets = heads.length;
    const ledger = news.map(({ item }) => item);
    const after = await signAnchor({ day, chain: head, wallets: heads, ledger }, signingKeys);
    return {
      act: { action: ANCHOR, costCenter: null, target: day, before: null, after },
      authorship,
      provided: areNotAnchored(days),
      statements: [noteDays(database, days), noteWallets(database, day, heads)],
    };
  });
  if (results !== null) return { days: news.length, wallets };
  // A roll-up that brought nothing new: only how far the anchors have come is noted.
  if (days.length > 0 && news.length === 0) await noteDays(database, days);
  return null;
}

/** Anchors what is due at an instant (epoch ms). Can be repeated, and run beside itself. Rejects where D1 is away. */
export async function anchor(access: Access, nowMs: number): Promise<Anchored> {
  const began = performance.now();
  const database = openDatabase(access.db);
  const done: Anchored = { anchors: 0, days: 0, wallets: 0, isComplete: false };
  if (!(await chainOldEvents(database))) return done;
  const day = dayOf(nowMs - DAY_MS);
  const at = new Date(nowMs).toISOString();
  const authorship = { actor: ACTOR, requestId: `schedule_${crypto.randomUUID()}`, at };
  while (performance.now() - began < RUN_MS) {
    const made = await anchorOnce(database, access, day, authorship);
    if (!made) return { ...done, isComplete: true };
    done.anchors += 1;
    done.days += made.days;
    done.wallets += made.wallets;
  }
  return done;
}
