/** The stages that budgets cross under the drafts, each told once per budget, subject and window, as live. */
import type { Stage } from '../policy/types.ts';
import { type Standing, stageName } from '../standing.ts';
import { asJson, Records } from './records.ts';
import type { ReplayEntry, ReplayStore } from './types.ts';

const MOST_MARKS = 4_000;

export class Crossings {
  readonly #store: ReplayStore;
  /** Stages told, by draft, budget, window and subject. */
  readonly #told: Records<string[]>;
  readonly #fromMs: number;

  constructor(store: ReplayStore, fromMs: number) {
    this.#store = store;
    this.#fromMs = fromMs;
    this.#told = new Records(store, { prefix: 'told ', most: MOST_MARKS, form: asJson<string[]>() });
  }

  /**
   * Tells a crossing, unless it was told before. `wasPassed`: the line was passed before this turn's money; in a
   * window that began before the replay that was told then, in silence for us.
   */
  tell(
    draft: number,
    { turnId, facts, developer, modelServed }: ReplayEntry,
    { standing, stage, wasPassed }: { standing: Standing; stage: Stage; wasPassed: boolean },
    atMs: number,
  ): void {
    const { budget, subject, startMs } = standing;
    const told = this.#told.findOrMake(`${draft} ${budget.id} ${startMs} ${subject}`, () => []);
    if (told.value.includes(stage.at)) return;
    told.value.push(stage.at);
    told.isChanged = true;
    if (wasPassed && startMs < this.#fromMs) return;
    this.#store.event(draft, {
      kind: 'alert',
      atMs,
      turnId,
      session: facts.session,
      developer,
      modelAsked: facts.model,
      model: modelServed,
      budget: budget.id,
      stage: stageName(budget, stage),
      stageAction: stage.do,
      subject,
      route: null,
      reasons: [],
    });
  }

  checkpoint(): void {
    this.#told.checkpoint();
  }
}
