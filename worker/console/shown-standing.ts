/** How a budget stands, for a page. */
import { formatDollars, nanoUsd } from '../../durable-objects/core/money.ts';
import { zonedIso } from '../../durable-objects/core/window.ts';
import type { StandingView } from '../../durable-objects/wallet/rpc.ts';
import type { Bindings } from '../bindings.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import { walletOf } from '../store/wallets.ts';
import { callWallet, WALLET_LIMIT_MS } from '../turn/wallet-call.ts';

/**
 * The budget's standing for one of these subjects, as the wallet has it; null where it is away, or nothing was spent in
 * this window.
 */
export async function standingOf(
  bindings: Bindings,
  { id, jurisdiction }: Pick<CostCenter, 'id' | 'jurisdiction'>,
  budget: string,
  subjects: readonly string[],
): Promise<StandingView | null> {
  const view = await callWallet(() => walletOf(bindings, id, jurisdiction).view(id), WALLET_LIMIT_MS);
  return view?.budgets.find((each) => each.id === budget && subjects.includes(each.subject)) ?? null;
}

/** "$11.00 of $10.00 (110 %)". */
export function spentText(standing: StandingView | null): string | null {
  if (!standing) return null;
  const { settledNanoUsd, limitNanoUsd, utilization } = standing;
  const [spent, limit] = [formatDollars(nanoUsd(settledNanoUsd)), formatDollars(nanoUsd(limitNanoUsd))];
  return `${spent} of ${limit} (${Math.floor(utilization * 100)} %)`;
}

/** "2026-11-24 00:00", in the policy's time zone; null where the budget ends with its session. */
export function resetText(standing: StandingView | null): string | null {
  const at = standing?.resetsAt ?? null;
  return at === null ? null : `${at.slice(0, 10)} ${at.slice(11, 16)}`;
}

/** "2026-11-24 00:00 (Europe/Berlin)". */
export function timeText(ms: number, timezone: string): string {
  const iso = zonedIso(ms, timezone);
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} (${timezone})`;
}
