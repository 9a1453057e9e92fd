/** Questions to a catalogue: which model an id means, whether it is retired, how dear it is. */
import { contracted, overrideAt } from './overrides.ts';
import type { Catalogue, Model, PricePeriod } from './types.ts';

/**
 * The model of an exact id, an alias, or an id followed by a snapshot date (`-YYYYMMDD`); null for any other
 * name. Nothing is guessed from a likeness: `claude-opus-5-7` is not Opus 5.
 */
export function findModel(catalogue: Catalogue, id: string): Model | null {
  const { ids, names } = indexOf(catalogue);
  return names.get(id) ?? ids.get(id.replace(SNAPSHOT_DATE, '')) ?? null;
}

const SNAPSHOT_DATE = /-\d{8}$/;

interface ModelIndex {
  ids: ReadonlyMap<string, Model>;
  /** By id and by alias. */
  names: ReadonlyMap<string, Model>;
}

/** One decision looks models up dozens of times. */
const indexes = new WeakMap<Catalogue, ModelIndex>();

function indexOf(catalogue: Catalogue): ModelIndex {
  const made = indexes.get(catalogue);
  if (made) return made;
  const { models } = catalogue;
  const index = {
    ids: new Map(models.map((model) => [model.id, model])),
    names: new Map(models.flatMap((model) => [...model.aliases, model.id].map((name) => [name, model]))),
  };
  indexes.set(catalogue, index);
  return index;
}

/** The catalogue's own id of a model, or the given one where it knows none. */
export function canonicalId(catalogue: Catalogue, id: string): string {
  return findModel(catalogue, id)?.id ?? id;
}

/** Whether the first-party API refuses the model at this instant (epoch ms). */
export function isRetired(model: Model, atMs: number): boolean {
  return model.retiresAtMs !== null && atMs >= model.retiresAtMs;
}

/** The prices in force at an instant (epoch ms); before the first period, those of the release. */
export function periodAt(model: Model, atMs: number): PricePeriod {
  const [first] = model.periods;
  if (!first) throw new RangeError(`${model.id} has no prices`);
  const begun = (period: PricePeriod): boolean => period.fromMs === null || period.fromMs <= atMs;
  return model.periods.findLast(begun) ?? first;
}

/** A main-loop turn of Claude Code in mid-session, in tokens of the older tokenizer. */
const BASKET = { input: 1_000, cacheWrite5m: 1_000, cacheWrite1h: 4_000, cacheRead: 60_000, output: 2_000 };
const BASKET_PROMPT = BASKET.input + BASKET.cacheWrite5m + BASKET.cacheWrite1h + BASKET.cacheRead;

/** The newer tokenizer makes about 30 % more tokens of the same text. */
export const TOKENIZER_TENTHS = { old: 10, new: 13 } as const;

/**
 * How dear a model is, to put models in order: pico-USD for one fixed turn of the same text, at contracted prices;
 * an integer at list prices. It counts the tokenizer, so that a lower price per token that buys less text isn't
 * taken for a cheaper model.
 */
export function dearness(model: Model, atMs: number): number {
  const tenths = TOKENIZER_TENTHS[model.tokenizer];
  const { tiers, share } = contracted(periodAt(model, atMs).tiers, overrideAt(model.overrides, atMs));
  const prompt = (BASKET_PROMPT * tenths) / 10;
  const prices = tiers.find((tier) => tier.maxPromptTokens === null || prompt <= tier.maxPromptTokens);
  if (!prices) throw new RangeError(`${model.id} has no price for ${prompt} tokens`);
  const picoUsd =
    BASKET.input * prices.input +
    BASKET.cacheWrite5m * prices.cacheWrite5m +
    BASKET.cacheWrite1h * prices.cacheWrite1h +
    BASKET.cacheRead * prices.cacheRead +
    BASKET.output * prices.output;
  return (((picoUsd * tenths) / 10) * share[0]) / share[1];
}
