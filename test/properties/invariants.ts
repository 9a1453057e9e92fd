/** What must be true of a wallet after every command, and of its ledger in the end. */
import { runDurableObjectAlarm } from 'cloudflare:test';
import { expect } from 'vitest';
import type { OpenReply, StandingView } from '../../durable-objects/wallet/rpc.ts';
import { drain, type LedgerRow, ledgerOf } from '../wallet/scenario.ts';
import { sameWindow } from './calendar.ts';
import { lineOf } from './reference-judge.ts';
import type { BudgetRules } from './reference-rules.ts';
import type { BookEntry, Expected } from './reference-turn.ts';
import type { World } from './world.ts';

/** A decision is the one that was expected; a repeated call gets the reply it had. */
export function expectReply(
  { replies }: Pick<World, 'replies'>,
  turnId: string,
  expected: Expected,
  reply: OpenReply,
): void {
  if (expected.status === 'as_before') {
    expect(reply).toEqual(replies.get(turnId));
  } else if (expected.status === 'refused') {
    expect(reply).toMatchObject({ status: 'refused' });
    if (reply.status !== 'refused') return;
    expect(expected.why).toContain(reply.refusal.why);
    expect(reply.refusal.retryable).toBe(reply.refusal.why === 'pending');
  } else {
    expect(reply).toMatchObject(expected);
  }
}

/** The wallet's view is the fold of what was opened and settled, and open holds are the open turns. */
export async function expectWalletToAgree(world: World): Promise<void> {
  const { reference, wallet, id } = world;
  const { budgets, asOf } = await wallet.view(id);
  const nowMs = reference.now(Date.now());
  expect(Date.parse(asOf)).toBe(nowMs);
  const seen = budgets.map((view) => ({
    budget: view.id,
    subject: view.subject,
    settled: view.settledNanoUsd,
    held: view.heldNanoUsd,
    stage: view.stage,
  }));
  const empty = seen.filter(({ settled, held }) => settled === 0 && held === 0);
  expect(seen.filter((each) => !empty.includes(each))).toEqual(expectedTotals(world, nowMs));
  const open = [...reference.turns.values()].filter((turn) => turn.state === 'open');
  expect((await wallet.holds()).map((hold) => hold.turnId).sort()).toEqual(
    open.map((turn) => turn.ask.turnId).sort(),
  );
  expectLinesToHold(world, budgets);
}

function expectedTotals({ reference }: World, nowMs: number): object[] {
  return reference.rules.budgets.flatMap((budget) => {
    const subjects = [...reference.turns.values()].map((turn) => reference.subject(budget, turn.ask));
    return [...new Set(subjects)].sort().flatMap((subject) => {
      const { settled, held, expected } = reference.total(budget, subject, nowMs);
      if (settled === 0 && held === 0) return [];
      const isShown = budget.scope !== 'session' || reference.isRecent(subject, nowMs);
      if (!isShown) return [];
      const limit = reference.limit(budget, subject, nowMs);
      const stage = stageOf(budget, limit, settled, expected);
      return [{ budget: budget.id, subject, settled, held, stage }];
    });
  });
}

/** A pause is judged on settled money, the other stages on expected money too. */
function stageOf(budget: BudgetRules, limit: number, settled: number, expected: number): string {
  const reached = budget.stages.filter(
    ({ at, does }) => (does === 'pause' ? settled : settled + expected) >= lineOf(limit, at),
  );
  return reached.at(-1)?.does ?? 'none';
}

/** With guaranteed admission nothing ever passes a pause line, as long as the line stays where it was. */
function expectLinesToHold({ reference, policyIsFirst }: World, budgets: readonly StandingView[]): void {
  if (!policyIsFirst) return;
  for (const budget of reference.rules.budgets) {
    const pause = budget.stages.find(({ does }) => does === 'pause');
    if (!budget.guaranteed || !pause) continue;
    for (const view of budgets.filter(({ id }) => id === budget.id)) {
      const most = lineOf(view.limitNanoUsd, pause.at);
      expect(view.settledNanoUsd + view.heldNanoUsd).toBeLessThanOrEqual(most);
    }
  }
}

/** Right after an admission: no budget of the turn is over its pause line with it. */
export function expectAdmissionUnderItsLines({ reference }: World, turnId: string): void {
  const turn = reference.turns.get(turnId);
  if (turn?.state !== 'open') return;
  for (const budget of reference.rules.budgets) {
    const pause = budget.stages.find(({ does }) => does === 'pause');
    if (!pause || (budget.line !== null && turn.quote?.line !== budget.line)) continue;
    const subject = reference.subject(budget, turn.ask);
    const total = reference.total(budget, subject, turn.admittedMs);
    const most = lineOf(reference.limit(budget, subject, turn.admittedMs), pause.at);
    expect(total.settled + total.held).toBeLessThanOrEqual(most);
  }
}

/** The ledger is the book: each entry once, each turn its sum, each window what the wallet says it settled. */
export async function expectLedgerToAgree(world: World): Promise<void> {
  const { reference, wallet, id } = world;
  // The alarm that drains the outbox ends leases first.
  reference.runLeases(Date.now());
  await runDurableObjectAlarm(wallet);
  await drain(wallet);
  const entries = await ledgerOf(id);
  expect(new Set(entries.map((entry) => entry.entry_id)).size).toBe(entries.length);
  expect(byTurn(entries.map(toBookEntry))).toEqual(byTurn(reference.book));
  for (const turn of reference.turns.values()) {
    const own = entries.filter((entry) => entry.turn_id === turn.ask.turnId);
    const attempts = [...turn.given, ...(turn.paid ? [turn.paid] : [])];
    expect(sumOf(own)).toBe(attempts.reduce((sum, { charged }) => sum + charged, 0));
    expect(own.reduce((sum, { list_nano_usd: list }) => sum + list, 0)).toBe(
      attempts.reduce((sum, { list }) => sum + list, 0),
    );
    const [first, ...corrections] = own.slice(turn.given.length);
    for (const { corrects } of corrections) expect(corrects).toBe(first?.entry_id);
  }
  await expectWindowsToAgree(world, entries);
}

function toBookEntry(row: LedgerRow): BookEntry {
  return {
    turnId: row.turn_id,
    // No other kinds are written.
    kind: row.kind as BookEntry['kind'],
    held: row.held_nano_usd,
    expected: row.expected_nano_usd,
    charged: row.charged_nano_usd,
    list: row.list_nano_usd,
    asked: row.asked_nano_usd,
    version: row.charged_price_version,
  };
}

/** Entries in order within a turn; turns in no order, because leases that end together have none. */
function byTurn(entries: readonly BookEntry[]): Map<string, BookEntry[]> {
  const turns = new Map<string, BookEntry[]>();
  for (const entry of entries) turns.set(entry.turnId, [...(turns.get(entry.turnId) ?? []), entry]);
  return new Map([...turns].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function expectWindowsToAgree({ reference, wallet, id }: World, entries: readonly LedgerRow[]) {
  const { budgets, asOf } = await wallet.view(id);
  const { timezone } = reference.rules;
  for (const view of budgets) {
    const isInWindow = (admittedMs: number): boolean =>
      view.window === 'session'
        ? admittedMs >= Date.parse(view.windowStart)
        : sameWindow(view.window, timezone, admittedMs, Date.parse(asOf));
    const inWindow = entries.filter(
      (entry) =>
        subjectOf(view, entry, id) === view.subject &&
        (view.line === null || entry.model_served?.includes(view.line)) &&
        isInWindow(Date.parse(entry.admitted_at)),
    );
    expect(sumOf(inWindow)).toBe(view.settledNanoUsd);
  }
}

function subjectOf({ scope }: StandingView, entry: LedgerRow, costCenter: string): string {
  if (scope === 'cost_center') return costCenter;
  if (scope === 'session') return entry.session;
  return scope === 'developer' ? entry.developer : entry.key_id;
}

function sumOf(entries: readonly LedgerRow[]): number {
  return entries.reduce((sum, entry) => sum + entry.charged_nano_usd, 0);
}
