/** The meter of an answer from Bedrock: it may name its model by an id of Bedrock's, and prices know first-party ones. */
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { modelNamed } from '../../../durable-objects/core/catalogue/names.ts';
import { createMessagesMeter } from '../messages-meter.ts';
import type { Meter, MeterReading } from '../provider.ts';

/** `ownIds` are the provider's own ids, with the models they stand for. */
export function createBedrockMeter(contentType: string, ownIds: ReadonlyMap<string, string>): Meter {
  const meter = createMessagesMeter(contentType);
  return {
    push: (chunk, nowMs) => meter.push(chunk, nowMs),
    end: (nowMs) => meter.end(nowMs),
    read: (nowMs) => inFirstPartyNames(meter.read(nowMs), ownIds),
  };
}

function inFirstPartyNames(reading: MeterReading, ownIds: ReadonlyMap<string, string>): MeterReading {
  const { usage } = reading;
  if (!usage) return reading;
  const named = (model: string | null): string | null =>
    model === null ? null : modelNamed(model, ownIds, builtinCatalogue);
  const iterations = usage.iterations?.map((each) => ({ ...each, model: named(each.model) })) ?? null;
  return { ...reading, usage: { ...usage, model: named(usage.model), iterations } };
}
