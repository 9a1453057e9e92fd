/** What a deployment calls models beside their own names: the variable `MODEL_ALIASES`, and its providers' own ids. */
import { z } from 'zod';
import { findModel } from './catalogue/lookup.ts';
import { builtinCatalogue } from './catalogue/models.ts';
import { modelNamed } from './catalogue/names.ts';
import { isObjectDocument, parsedVariable, problemsIn } from './json-variable.ts';
import type { ProviderSettings } from './provider-settings.ts';
import { err, ok, type Result } from './result.ts';

export const modelName = z
  .string('expected the name of a model')
  .min(1, 'expected the name of a model')
  .max(256, 'expected at most 256 characters');

const schema = z.record(modelName, modelName);
const NONE: ReadonlyMap<string, string> = new Map();

/** The aliases, a JSON object of names and the models they stand for; an alias of an alias is none. */
export function readModelAliases(text: string | undefined): Result<ReadonlyMap<string, string>, string> {
  if (text === undefined || text.trim() === '') return ok(NONE);
  const document = parsedVariable(text);
  if (!isObjectDocument(document)) {
    return err('MODEL_ALIASES: expected a JSON object such as {"opus": "claude-opus-5-5"}');
  }
  const aliases = schema.safeParse(document);
  if (!aliases.success) return err(problemsIn('MODEL_ALIASES', aliases.error));
  const named = Object.entries(aliases.data).map(
    ([name, model]) => [name, modelNamed(model, NONE, builtinCatalogue)] as const,
  );
  return ok(new Map(named));
}

/**
 * The aliases with the ids that providers have of their own: who asks by one means the model it stands for. An id that
 * is another model's proper name stays that.
 */
export function withOwnIds(
  aliases: ReadonlyMap<string, string>,
  settings: readonly Pick<ProviderSettings, 'modelIds'>[],
): ReadonlyMap<string, string> {
  const own = settings.flatMap(({ modelIds }) => [...modelIds].map(([model, id]) => [id, model] as const));
  const unknown = own.filter(([id]) => !findModel(builtinCatalogue, modelNamed(id, NONE, builtinCatalogue)));
  return new Map([...unknown, ...aliases]);
}
