/** Replays entries. */
import type { ReplayEntry, ReplayResult, ReplaySetup, ReplayStore, SeedSpend } from './types.ts';

export class Replay {
  readonly #setup: ReplaySetup;
  readonly #store: ReplayStore;
  #turns: number;
  #nanoUsd: number;

  constructor(setup: ReplaySetup, store: ReplayStore) {
    this.#setup = setup;
    this.#store = store;
    const kept = JSON.parse(store.read('sums') ?? '[0,0]') as [number, number];
    [this.#turns, this.#nanoUsd] = kept;
  }

  seed(spend: readonly SeedSpend[]): void {
    for (const { nanoUsd } of spend) this.#nanoUsd += nanoUsd;
  }

  take(entry: ReplayEntry): void {
    this.#turns += 1;
    this.#nanoUsd += entry.chargedNanoUsd;
    this.#setup.drafts.forEach((_, draft) => {
      this.#store.event(draft, {
        kind: 'refusal',
        atMs: entry.admittedAtMs,
        turnId: entry.turnId,
        session: entry.facts.session,
        developer: entry.developer,
        modelAsked: entry.facts.model,
        model: null,
        budget: 'team-day',
        stage: null,
        stageAction: null,
        subject: null,
        route: null,
        reasons: [],
      });
    });
  }

  checkpoint(): void {
    this.#store.write('sums', JSON.stringify([this.#turns, this.#nanoUsd]));
  }

  finish(): ReplayResult {
    const usd = (this.#nanoUsd / 1e9).toFixed(9);
    return {
      drafts: this.#setup.drafts.map(({ name }) => ({
        name,
        turns: this.#turns,
        cost_actual_usd: usd,
        cost_replayed_usd: usd,
        saved_usd: '0.00',
        saved: {
          price_usd: '0.00',
          cache_usd: '0.00',
          turns_not_happened_usd: '0.00',
          turns_added_usd: '0.00',
        },
        downgraded_turns: 0,
        routed_turns: 0,
        refused_turns: 0,
        turns_lost: 0,
        postponed_turns: 0,
        unknowable: { refused_turns: 0, sessions: 0, served_turns: 0 },
        paused_sessions: [],
        paused_sessions_total: 0,
        by_day: [],
        sensitivity: [],
      })),
      calibration: {
        turns: this.#turns,
        decisions_equal: this.#turns,
        cost_actual_usd: usd,
        cost_replayed_usd: usd,
        cost_error_usd: '0.00',
        refused_by_people: 0,
        differences: [],
      },
      assumptions: [],
    };
  }
}
