/** Calls of a policy version's way, in a deployment that asks for approvals. */
import { env } from 'cloudflare:workers';
import { expect } from 'vitest';
import type { Env } from '../../../worker/bindings.ts';
import { type Answer, call, makeCostCenter } from './admin-calls.ts';

export const APPROVED_ONLY = { POLICY_APPROVAL: 'on', POLICY_FOUR_EYES: 'on' };

/** A policy document of one shared day budget. */
export function limited(limit: string): object {
  return { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: limit }] };
}

let count = 0;

/** A cost center of its own, and the calls of its policies. */
export async function policyLine(settings: Partial<Env> = APPROVED_ONLY) {
  count += 1;
  const id = `line-${count}`;
  await makeCostCenter(id);
  return new PolicyLine(id, settings);
}

export class PolicyLine {
  readonly id: string;
  readonly #settings: Partial<Env>;

  constructor(id: string, settings: Partial<Env>) {
    this.id = id;
    this.#settings = settings;
  }

  /** The same cost center under other settings. */
  under(settings: Partial<Env>): PolicyLine {
    return new PolicyLine(this.id, { ...this.#settings, ...settings });
  }

  async post(path: string, body?: unknown, settings: Partial<Env> = {}): Promise<Answer> {
    return await call('POST', `/cost_centers/${this.id}/policies${path}`, body, {
      ...this.#settings,
      ...settings,
    });
  }

  async get(path: string): Promise<Answer> {
    return await call('GET', `/cost_centers/${this.id}/policies${path}`, undefined, this.#settings);
  }

  /** Stores the next version, a draft; its number. */
  async draft(limit: string): Promise<number> {
    const { body } = await this.post('', { policy: limited(limit) });
    return Number(Object(body).version);
  }

  async replace(version: number, policy: unknown): Promise<Answer> {
    return await call('PUT', `/cost_centers/${this.id}/policies/${version}`, { policy }, this.#settings);
  }

  /** Has another person have written and submitted it, so that the admin token may approve. */
  async writtenBy(version: number, actor: string): Promise<void> {
    await env.DB.prepare(
      'UPDATE policy_versions SET authors = json_array(?1), submitted_by = ?1 WHERE cost_center = ?2 AND version = ?3',
    )
      .bind(actor, this.id, version)
      .run();
  }

  /** A version of another person's, submitted. */
  async submitted(limit: string): Promise<number> {
    const version = await this.draft(limit);
    await this.post(`/${version}/submit`);
    await this.writtenBy(version, 'ann@example.com');
    return version;
  }

  async approved(limit: string): Promise<number> {
    const version = await this.submitted(limit);
    await this.post(`/${version}/approve`);
    return version;
  }

  async live(limit: string): Promise<number> {
    const version = await this.approved(limit);
    await this.post(`/${version}/activate`);
    return version;
  }

  async stateOf(version: number): Promise<unknown> {
    return Object((await this.get(`/${version}`)).body).state;
  }

  /** Every version's state, from the first. */
  async states(): Promise<unknown[]> {
    const { results } = await env.DB.prepare(
      'SELECT state FROM policy_versions WHERE cost_center = ? ORDER BY version',
    )
      .bind(this.id)
      .all<{ state: string }>();
    return results.map(({ state }) => state);
  }

  /** The shared limit that the wallet decides by; null without a policy. */
  async limit(): Promise<unknown> {
    const { body } = await call('GET', `/cost_centers/${this.id}/wallet`);
    return Object(body).budgets?.[0]?.limit_usd ?? null;
  }
}

/** A refusal of a step: a 409 whose sentence has this in it. */
export function conflict(sentence: string): object {
  const message: unknown = expect.stringContaining(sentence);
  return { status: 409, body: { error: { type: 'conflict_error', message } } };
}
