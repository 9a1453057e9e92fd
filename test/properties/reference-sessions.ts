/** When each session was last asked for something, and since when it goes on: it is over after 35 idle days. */

const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;
const IDLE_MS = 35 * DAY_MS;

export class ReferenceSessions {
  readonly #sessions = new Map<string, { sinceMs: number; lastMs: number }>();

  /** Something was asked for; whether another session of the name begins with it. */
  keep(session: string, nowMs: number): { isNew: boolean } {
    const known = this.#sessions.get(session);
    const goesOn = known !== undefined && nowMs - known.lastMs <= IDLE_MS;
    this.#sessions.set(session, { sinceMs: goesOn ? known.sinceMs : nowMs, lastMs: nowMs });
    return { isNew: !goesOn };
  }

  /** Since when the session of this name goes on, to the quarter-hour; null where there is none. */
  since(session: string, nowMs: number): number | null {
    const known = this.#sessions.get(session);
    if (!known || nowMs - known.lastMs > IDLE_MS) return null;
    return known.sinceMs - (known.sinceMs % QUARTER_MS);
  }

  /** Whether it was asked for something within a day. */
  isOfToday(session: string, nowMs: number): boolean {
    const known = this.#sessions.get(session);
    return known !== undefined && nowMs - known.lastMs <= DAY_MS;
  }
}
