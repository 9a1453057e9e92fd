/** The names one model has with different providers: what a client calls it, whichever provider it thinks of. */
import { findModel } from './lookup.ts';
import type { Catalogue } from './types.ts';

/** Inference profiles of several regions, and resources that are named after their model. */
const RESOURCE = /^arn:aws[\w-]*:bedrock:[\w-]*:\d*:(?:foundation-model|inference-profile)\//;
const PROFILE = /^(?:us|eu|jp|au|apac|global|us-gov)\.(?=anthropic\.)/;
const VERSION = /-v\d+(?::\d+)?$/;

/**
 * The first-party name of a model: what an alias of the deployment stands for, what a name of Bedrock's
 * (`us.anthropic.claude-…`, an ARN that ends in one) or Vertex's (`claude-…@date`) means, else the name itself, known or
 * not. An ARN that carries no model's name is known only as an alias.
 */
export function modelNamed(name: string, aliases: ReadonlyMap<string, string>, catalogue: Catalogue): string {
  const alias = aliases.get(name);
  if (alias !== undefined) return alias;
  if (findModel(catalogue, name)) return name;
  const bare = name.replace(RESOURCE, '').replace(PROFILE, '');
  const firstParty = bare.startsWith('anthropic.')
    ? bare.slice('anthropic.'.length).replace(VERSION, '')
    : bare.replace('@', '-');
  return findModel(catalogue, firstParty)?.id ?? name;
}
