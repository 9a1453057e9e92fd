/** The meter for an answer of the Messages API, whoever serves it: streamed or in one piece. */
import { BodyMeter } from './body-meter.ts';
import type { Meter } from './provider.ts';
import { StreamMeter } from './stream-meter.ts';

/** Makes a meter for an answer with this `content-type`; whatever is not an event stream is read as JSON. */
export function createMessagesMeter(contentType: string): Meter {
  return /^\s*text\/event-stream\b/i.test(contentType) ? new StreamMeter() : new BodyMeter();
}
