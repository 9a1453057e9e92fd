/**
 * The daily anchor: the heads of the wallets' chains and the hashes of finished days of the ledger go, signed, into D1's
 * audit chain. Days that were missed are caught up with; what is anchored already is left alone.
 */
import { ANCHOR, type LedgerDay, signAnchor } from '../../durable-objects/ledger/audit-anchor.ts';
import type { ChainHead } from '../../durable-objects/ledger/audit-link.ts';
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
/** An anchor takes no further day once it has hashed so many entries: it is there or not at all, and has to come about. */
const ENTRIES = 100_000;
/** A run begins no further anchor after this time, or these days; the next run goes on. */
const RUN_MS = 60_000;
/** A Worker may make 1,000 calls a run, for all its jobs. */
const DAYS_A_RUN = 400;

type Access = Pick<Bindings, 'db' | 'signingKeys'>;

export interface Anchored {
  anchors: number;
  days: number;
  wallets: number;
  /** What the last of these anchors signed; the log has it too, where who can write D1 cannot reach it. Null: none. */
  chain: ChainHead | null;
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
  let entries = 0;
  for (const pending of await listPendingDays(db, today, ITEMS)) {
    if (entries >= ENTRIES) break;
    const hashed = await hashLedgerDay(db, pending, pending.entries === null ? [] : [pending.entries]);
    entries += hashed.entries;
    days.push({ pending, item: itemOf(pending, hashed) });
  }
  return days;
}

function isNews({ pending, item }: AnchoredDay): boolean {
  return pending.hash !== item.hash;
}

interface Step {
  /** The chain's head that an anchor signed; null: there was nothing to anchor. */
  chain: ChainHead | null;
  /** Hashed, whether that was news or not. */
  looked: number;
  days: number;
  wallets: number;
}

/** Makes one anchor, or none where what it looked at is no news; null where there is nothing to look at. */
async function anchorOnce(
  database: Database,
  { db, signingKeys }: Access,
  day: string,
  authorship: Authorship,
): Promise<Step | null> {
  const days = await hashPending(db, authorship.at.slice(0, 10));
  const news = days.filter(isNews);
  let wallets = 0;
  let chain: ChainHead | null = null;
  const results = await commitComposed(database, async (head) => {
    const heads = await movedWallets(database, day, ITEMS);
    if (head.sequence === 0 && heads.length === 0 && news.length === 0) return null;
    if (heads.length === 0 && news.length === 0 && (await isAnchored(database, day))) return null;
    wallets = heads.length;
    chain = head;
    const ledger = news.map(({ item }) => item);
    const after = await signAnchor({ day, chain: head, wallets: heads, ledger }, signingKeys);
    return {
      act: { action: ANCHOR, costCenter: null, target: day, before: null, after },
      authorship,
      provided: areNotAnchored(days),
      statements: [noteDays(database, days), noteWallets(database, day, heads)],
    };
  });
  const looked = days.length;
  if (results !== null) return { chain, looked, days: news.length, wallets };
  if (looked === 0) return null;
  // A roll-up that brought nothing new: only how far the anchors have come is noted. Else another run was faster.
  if (news.length === 0) await noteDays(database, days);
  return { chain: null, looked, days: 0, wallets: 0 };
}

/** Anchors what is due at an instant (epoch ms). Can be repeated, and run beside itself. Rejects where D1 is away. */
export async function anchor(access: Access, nowMs: number): Promise<Anchored> {
  const began = performance.now();
  const database = openDatabase(access.db);
  const done: Anchored = { anchors: 0, days: 0, wallets: 0, chain: null, isComplete: false };
  if (!(await chainOldEvents(database))) return done;
  const day = dayOf(nowMs - DAY_MS);
  const at = new Date(nowMs).toISOString();
  const authorship = { actor: ACTOR, requestId: `schedule_${crypto.randomUUID()}`, at };
  let looked = 0;
  while (performance.now() - began < RUN_MS && looked < DAYS_A_RUN) {
    const made = await anchorOnce(database, access, day, authorship);
    if (!made) return { ...done, isComplete: true };
    looked += made.looked;
    done.anchors += made.chain ? 1 : 0;
    done.chain = made.chain ?? done.chain;
    done.days += made.days;
    done.wallets += made.wallets;
  }
  return done;
}
