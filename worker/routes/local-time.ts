/** Instants as people read them, from ISO 8601 with an offset: "14:10" of the same day, else "2026-11-24 00:00". */
export function localTime(instant: string, asOf: string): string {
  const [day, time] = [instant.slice(0, 10), instant.slice(11, 16)];
  return day === asOf.slice(0, 10) ? time : `${day} ${time}`;
}
