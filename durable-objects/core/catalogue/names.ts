/** The names one model has with different providers: what a client calls it, whichever provider it thinks of. */
import { findModel } from './lookup.ts';
import type { Catalogue } from './types.ts';

/** The inference profiles of Bedrock that are named after where they may run a model. */
export const PROFILES = ['us', 'eu', 'jp', 'au', 'apac', 'global', 'us-gov'] as const;
export type Profile = (typeof PROFILES)[number];

/** Resources of Bedrock that are named after their model. */
const RESOURCE = /^arn:aws[\w-]*:bedrock:[\w-]*:\d*:(?:foundation-model|inference-profile)\//;
const PROFILE = new RegExp(String.raw`^(?:${PROFILES.join('|')})\.(?=anthropic\.)`);
/** The version of a foundation model, and the window of one that has several ("-v1:0:200k"). */
const VERSION = /-v\d+(?::\d+)?(?::\d+k)?$/;
/** Vertex's resources end in the model. */
const PUBLISHER = /^(?:projects\/[^/]+\/locations\/[^/]+\/)?publishers\/anthropic\/models\//;
const VERTEX_VERSION = /@(\d{8}|default|latest)$/;

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
    : bare.replace(PUBLISHER, '').replace(VERTEX_VERSION, (_, version) => dated(version));
  return findModel(catalogue, firstParty)?.id ?? name;
}

/** "@default" is whichever snapshot there is. */
function dated(version: string): string {
  return /^\d/.test(version) ? `-${version}` : '';
}
