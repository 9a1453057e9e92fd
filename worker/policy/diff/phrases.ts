/** How single values of a policy are written in the words of a difference. */
import { formatUsd, type NanoUsd } from '../../../durable-objects/core/money.ts';

/**
 * "500.00 → 400.00 USD (−20 %)"; the percentage with a decimal where it is under ten, and none where it is of nothing,
 * or would be none.
 */
export function changedAmount(from: NanoUsd, to: NanoUsd): string {
  return `${formatUsd(from)} → ${formatUsd(to)} USD${percentOf(from, to)}`;
}

function percentOf(from: NanoUsd, to: NanoUsd): string {
  if (from === 0) return '';
  const percent = ((to - from) / from) * 100;
  const magnitude = Math.abs(percent);
  const shown = magnitude < 10 ? Math.round(magnitude * 10) / 10 : Math.round(magnitude);
  return shown === 0 ? '' : ` (${percent < 0 ? '−' : '+'}${shown} %)`;
}

export function usd(amount: NanoUsd): string {
  return `${formatUsd(amount)} USD`;
}

/** "a, b and 3 more": at most `most` of them are named. */
export function listed(names: readonly string[], most: number): string {
  const named = names.slice(0, most).join(', ');
  return names.length > most ? `${named} and ${names.length - most} more` : named;
}

/** "09:30" of minutes after midnight. */
export function timeOfDay(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}
