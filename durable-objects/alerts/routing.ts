/** Who gets an event, by which route, and since when: a pure reading of the routes. */
import { quietUntil } from '../core/alerting/quiet-hours.ts';
import {
  type AlertRoute,
  type AlertRoutes,
  type Destination,
  SEVERITIES,
  type Severity,
} from '../core/alerting/routes.ts';
import type { AlertEvent } from '../ledger/entry.ts';

/** One event for one destination. */
export interface Planned {
  destination: Destination;
  severity: Severity;
  /** Quiet hours hold it until then, epoch ms; null: it can go at once. */
  heldUntilMs: number | null;
}

/** Ascending: an index in SEVERITIES. */
export function rankOf(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/**
 * Each destination once: where several routes lead to it, the gravest counts, and the hours of the one that lets it
 * through first.
 */
export function plan({ on }: AlertEvent, { routes }: AlertRoutes, nowMs: number): Planned[] {
  const planned = new Map<string, Planned>();
  for (const route of routes.filter((each) => each.on.some((event) => event === on))) {
    const heldUntilMs = heldUntil(route, nowMs);
    for (const destination of route.to) {
      const known = planned.get(destination.id);
      planned.set(
        destination.id,
        known
          ? graver(known, route.severity, heldUntilMs)
          : { destination, severity: route.severity, heldUntilMs },
      );
    }
  }
  return [...planned.values()];
}

function graver(known: Planned, severity: Severity, heldUntilMs: number | null): Planned {
  const isFree = known.heldUntilMs === null || heldUntilMs === null;
  return {
    destination: known.destination,
    severity: rankOf(severity) > rankOf(known.severity) ? severity : known.severity,
    heldUntilMs: isFree ? null : Math.min(known.heldUntilMs ?? 0, heldUntilMs ?? 0),
  };
}

/** Hours in a zone that the runtime does not know hold nothing back. */
function heldUntil({ severity, quietHours }: AlertRoute, nowMs: number): number | null {
  if (quietHours === null || severity === 'critical') return null;
  try {
    return quietUntil(quietHours, nowMs);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** What may be told in one digest. */
export function kindOf({ cost_center: costCenter, on, budget, stage }: AlertEvent): string {
  return JSON.stringify([costCenter, on, budget, stage]);
}
