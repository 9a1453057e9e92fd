/** A replay's store in memory, as a Durable Object's would be: it keeps text, and only what was written. */
import type { ReplayEvent, ReplayStore } from '../../../durable-objects/core/replay/types.ts';

export class MemoryStore implements ReplayStore {
  readonly kept = new Map<string, string>();
  readonly events: { draft: number; event: ReplayEvent }[] = [];

  read(key: string): string | null {
    return this.kept.get(key) ?? null;
  }

  write(key: string, value: string | null): void {
    if (value === null) this.kept.delete(key);
    else this.kept.set(key, value);
  }

  event(draft: number, event: ReplayEvent): void {
    this.events.push({ draft, event });
  }

  /** What the events of a draft are, of one kind. */
  of(kind: ReplayEvent['kind'], draft = 0): ReplayEvent[] {
    return this.events
      .filter((each) => each.draft === draft && each.event.kind === kind)
      .map(({ event }) => event);
  }
}
