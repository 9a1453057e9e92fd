/**
 * What ends a stream that its provider broke off. Breaking it off for the client as well is not enough: workerd ends a
 * body that fails as if it were whole (cloudflare/workerd#6818), and a client that only collects text would take half
 * an answer for all of it. The blank line before it ends the event that was under way, whatever there was of it.
 */
import type { MeterReading } from '../providers/provider.ts';

const ERROR = {
  type: 'error',
  error: { type: 'api_error', message: 'The answer of the model provider broke off.' },
};
const LAST_WORDS = new TextEncoder().encode(`\n\nevent: error\ndata: ${JSON.stringify(ERROR)}\n\n`);

/** Null where there is nothing to tell: the answer was all there, or has told of an error itself. */
export function lastWords(reading: MeterReading | null): Uint8Array | null {
  return !reading || reading.final || reading.error ? null : LAST_WORDS;
}
