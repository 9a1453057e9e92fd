/** A cost center's ledger as a replay reads it, straight from D1. */
import { env } from 'cloudflare:workers';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import { REPLAY_COLUMNS, type ReplayRow, toReplayEntry } from '../../durable-objects/core/replay/entry.ts';
import type { RecordedRaise, ReplayEntry } from '../../durable-objects/core/replay/types.ts';

export async function entriesOf(costCenter: string): Promise<ReplayEntry[]> {
  const { results } = await env.DB.prepare(
    `SELECT ${REPLAY_COLUMNS.join(', ')} FROM ledger_entries WHERE cost_center = ?
     ORDER BY admitted_at, open_seq, settle_seq`,
  )
    .bind(costCenter)
    .all<ReplayRow>();
  return results.map(toReplayEntry);
}

export function policyOf(document: unknown, timezone = 'UTC'): Policy {
  const context = { timezone, catalogue: builtinCatalogue, nowMs: 0, enforce: 'stored' as const };
  const parsed = parsePolicy(document, context);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.policy;
}

export async function policiesOf(costCenter: string): Promise<Map<number, Policy>> {
  const { results } = await env.DB.prepare(
    'SELECT version, document FROM policy_versions WHERE cost_center = ?',
  )
    .bind(costCenter)
    .all<{ version: number; document: string }>();
  return new Map(results.map(({ version, document }) => [version, policyOf(JSON.parse(document))]));
}

export async function raisesOf(costCenter: string): Promise<RecordedRaise[]> {
  const { results } = await env.DB.prepare(
    'SELECT budget, subject, extra_nano_usd, created_at, until, ended_at FROM raises WHERE cost_center = ?',
  )
    .bind(costCenter)
    .all<{
      budget: string;
      subject: string | null;
      extra_nano_usd: number;
      created_at: string;
      until: string;
      ended_at: string | null;
    }>();
  return results.map(({ budget, subject, extra_nano_usd, created_at, until, ended_at }) => ({
    budget,
    subject,
    extraNanoUsd: extra_nano_usd,
    fromMs: Date.parse(created_at),
    untilMs: Math.min(Date.parse(until), ended_at === null ? Number.POSITIVE_INFINITY : Date.parse(ended_at)),
  }));
}
