/**
 * The meter of a provider that knows models by other ids than the API: its answers name them so, and prices know
 * first-party names only.
 */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { modelNamed } from '../../durable-objects/core/catalogue/names.ts';
import type { Usage } from '../../durable-objects/core/usage.ts';
import { createMessagesMeter } from './messages-meter.ts';
import type { Meter } from './provider.ts';

/** `ownIds` are the provider's own ids, with the models they stand for. */
export function createNamedMeter(contentType: string, ownIds: ReadonlyMap<string, string>): Meter {
  return withUsage(createMessagesMeter(contentType), (usage) => {
    const named = (model: string | null): string | null =>
      model === null ? null : modelNamed(model, ownIds, builtinCatalogue);
    const iterations = usage.iterations?.map((each) => ({ ...each, model: named(each.model) })) ?? null;
    return { ...usage, model: named(usage.model), iterations };
  });
}

/** The same meter, its usage as `read` has it. */
export function withUsage(meter: Meter, read: (usage: Usage) => Usage): Meter {
  return {
    push: (chunk, nowMs) => meter.push(chunk, nowMs),
    end: (nowMs) => meter.end(nowMs),
    read: (nowMs) => {
      const reading = meter.read(nowMs);
      return reading.usage ? { ...reading, usage: read(reading.usage) } : reading;
    },
  };
}
