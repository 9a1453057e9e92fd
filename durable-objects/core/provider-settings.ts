/**
 * The providers of a deployment: which there are, what they cost, whom they serve. Read from the variable `PROVIDERS`
 * (a JSON list) and the secrets it names; without it there is the one that `PROVIDER` names. Errors name the field and
 * what was expected, never a value.
 */
import { z } from 'zod';
import { builtinCatalogue } from './catalogue/models.ts';
import { modelNamed } from './catalogue/names.ts';
import { jsonPath } from './policy/path.ts';
import { err, ok, type Result } from './result.ts';

export const PROVIDER_KINDS = ['anthropic', 'bedrock', 'bedrock-mantle', 'simulator'] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

export type ProviderCredential =
  | { kind: 'api_key'; apiKey: string }
  /** Signature Version 4; `sessionToken` null: of keys that are not temporary. */
  | { kind: 'sigv4'; accessKeyId: string; secretAccessKey: string; sessionToken: string | null };

export interface ProviderSettings {
  /** `[a-z0-9-]{1,63}`; in `x-bursar-provider`, the ledger and policies. */
  id: string;
  kind: ProviderKind;
  /** Its share of new sessions, 0 to 1,000; 0: only where all others fail. */
  weight: number;
  /** Scheme and host, with a path where the API sits behind one, no slash at the end; null: the kind has none. */
  url: string | null;
  /** Of Bedrock. */
  region: string | null;
  /** Of Bedrock: the inference profile that models are asked through ("eu", "global"); null: the bare model. */
  profile: string | null;
  /** Null: the kind needs none. */
  credential: ProviderCredential | null;
  /** Its own ids of models, by first-party id, where they are other than the kind's usual ones. */
  modelIds: ReadonlyMap<string, string>;
  /** The only models it serves, by first-party id; null: every one it has an id for. */
  onlyModels: readonly string[] | null;
  /** The only cost centers it serves; null: all that have none of the kind to themselves. */
  costCenters: readonly string[] | null;
  /** Its prices for tokens in millionths of the list's. */
  priceMillionths: number;
}

export interface ProviderVariables {
  PROVIDER?: string | undefined;
  PROVIDERS?: string | undefined;
  MODEL_ALIASES?: string | undefined;
  ANTHROPIC_API_KEY?: string | undefined;
  ANTHROPIC_UPSTREAM_URL?: string | undefined;
}

/** List prices. */
export const LIST_MILLIONTHS = 1_000_000;
/** Regional and multi-region endpoints of Bedrock take 10 % more from the 4.5 models on; `global.` does not. */
const REGIONAL_MILLIONTHS = 1_100_000;
const ANTHROPIC_URL = 'https://api.anthropic.com';
const MAX_PROVIDERS = 50;

const PROFILES = ['us', 'eu', 'jp', 'au', 'apac', 'global', 'us-gov'] as const;
const ID = /^[a-z0-9-]{1,63}$/;
const SIGV4 = /^([A-Z0-9]{16,128}):([A-Za-z0-9/+=]{16,128})(?::(\S{16,}))?$/;

const modelName = z.string().min(1).max(256);

const multiplier = z.string().transform((text, context): number => {
  const match = /^(\d{1,2})(?:\.(\d{1,6}))?$/.exec(text);
  const millionths = match ? Number(match[1]) * 1_000_000 + Number((match[2] ?? '').padEnd(6, '0')) : 0;
  if (millionths > 0 && millionths <= 10_000_000) return millionths;
  context.addIssue({
    code: 'custom',
    message: 'expected a decimal string above 0 and up to 10, such as "1.1"',
  });
  return z.NEVER;
});

const providerSchema = z.strictObject({
  id: z.string().regex(ID, 'expected 1 to 63 of a-z, 0-9 and "-"'),
  kind: z.enum(PROVIDER_KINDS, { error: `expected one of ${PROVIDER_KINDS.join(', ')}` }),
  weight: z.int().min(0).max(1_000).optional(),
  url: z.url({ protocol: /^https?$/, error: 'expected an http or https address' }).optional(),
  region: z
    .string()
    .regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'expected a region such as "eu-central-1"')
    .optional(),
  profile: z.enum(PROFILES, { error: `expected one of ${PROFILES.join(', ')}` }).optional(),
  secret: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'expected the name of a secret')
    .optional(),
  model_ids: z.record(modelName, modelName).optional(),
  only_models: z.array(modelName).min(1).max(100).optional(),
  cost_centers: z
    .array(z.string().regex(ID, 'expected the id of a cost center'))
    .min(1)
    .max(1_000)
    .optional(),
  price_multiplier: multiplier.optional(),
});
type Written = z.output<typeof providerSchema>;

const listSchema = z
  .array(providerSchema)
  .min(1, 'expected at least one provider')
  .max(MAX_PROVIDERS, `expected at most ${MAX_PROVIDERS} providers`);

/** Undefined where the text is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemsIn(variable: string, error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => `${variable}${path.length === 0 ? '' : jsonPath(path)}: ${message}`)
    .join('; ');
}

/** The aliases of `MODEL_ALIASES`, a JSON object of names and the models they stand for. */
export function readModelAliases(text: string | undefined): Result<ReadonlyMap<string, string>, string> {
  if (text === undefined || text.trim() === '') return ok(new Map());
  const aliases = z.record(modelName, modelName).safeParse(parsed(text));
  if (!aliases.success) {
    return err('MODEL_ALIASES: expected a JSON object such as {"opus": "claude-opus-5-5"}');
  }
  const none = new Map<string, string>();
  return ok(
    new Map(
      Object.entries(aliases.data).map(([name, model]) => [name, modelNamed(model, none, builtinCatalogue)]),
    ),
  );
}

/** The providers in the order they are listed; `env` has the secrets they name. */
export function readProviders(
  env: ProviderVariables,
  aliases: ReadonlyMap<string, string>,
): Result<readonly [ProviderSettings, ...ProviderSettings[]], string> {
  const { PROVIDERS: text } = env;
  if (text === undefined || text.trim() === '') return soleProvider(env);
  const list = listSchema.safeParse(parsed(text));
  if (!list.success) return err(problemsIn('PROVIDERS', list.error));
  const ids = list.data.map(({ id }) => id);
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
  if (repeated !== undefined) return err(`PROVIDERS: "${repeated}" is there twice`);
  const read = list.data.map((written, index) => toSettings(written, `PROVIDERS[${index}]`, env, aliases));
  const problems = read.filter((each) => !each.ok).map(({ error }) => error);
  if (problems.length > 0) return err(problems.join('; '));
  const [first, ...rest] = read.filter((each) => each.ok).map(({ value }) => value);
  return first ? ok([first, ...rest]) : err('PROVIDERS: expected at least one provider');
}

const PLAIN = {
  weight: 1,
  region: null,
  profile: null,
  modelIds: new Map<string, string>(),
  onlyModels: null,
  costCenters: null,
  priceMillionths: LIST_MILLIONTHS,
};

/** The deployment without a list: Anthropic with one key, or the simulator. */
function soleProvider(
  env: ProviderVariables,
): Result<readonly [ProviderSettings, ...ProviderSettings[]], string> {
  if (env.PROVIDER === 'simulator') {
    return ok([{ ...PLAIN, id: 'simulator', kind: 'simulator', url: null, credential: null }]);
  }
  if (!env.ANTHROPIC_API_KEY) {
    return err('ANTHROPIC_API_KEY: expected a secret, because PROVIDER is "anthropic"');
  }
  const url = withoutSlash(env.ANTHROPIC_UPSTREAM_URL ?? ANTHROPIC_URL);
  const credential = { kind: 'api_key' as const, apiKey: env.ANTHROPIC_API_KEY };
  return ok([{ ...PLAIN, id: 'anthropic', kind: 'anthropic', url, credential }]);
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

function toSettings(
  written: Written,
  path: string,
  env: ProviderVariables,
  aliases: ReadonlyMap<string, string>,
): Result<ProviderSettings, string> {
  const { id, kind, region = null, profile = null } = written;
  const isBedrock = kind === 'bedrock' || kind === 'bedrock-mantle';
  if (isBedrock && region === null)
    return err(`${path}.region: expected a region, because kind is "${kind}"`);
  const credential = credentialOf(written, path, env);
  if (!credential.ok) return credential;
  const named = (name: string): string => modelNamed(name, aliases, builtinCatalogue);
  const modelIds = Object.entries(written.model_ids ?? {}).map(([name, own]) => [named(name), own] as const);
  return ok({
    id,
    kind,
    weight: written.weight ?? 1,
    url: written.url === undefined ? usualUrl(kind, region) : withoutSlash(written.url),
    region,
    profile,
    credential: credential.value,
    modelIds: new Map(modelIds),
    onlyModels: written.only_models?.map(named) ?? null,
    costCenters: written.cost_centers ?? null,
    priceMillionths:
      written.price_multiplier ?? (isBedrock && profile !== 'global' ? REGIONAL_MILLIONTHS : LIST_MILLIONTHS),
  });
}

function usualUrl(kind: ProviderKind, region: string | null): string | null {
  switch (kind) {
    case 'anthropic':
      return ANTHROPIC_URL;
    case 'bedrock':
      return `https://bedrock-runtime.${region}.amazonaws.com`;
    case 'bedrock-mantle':
      return `https://bedrock-mantle.${region}.api.aws`;
    case 'simulator':
      return null;
  }
}

/** The secret a provider names, as the credential its kind takes. */
function credentialOf(
  { kind, secret }: Written,
  path: string,
  env: ProviderVariables,
): Result<ProviderCredential | null, string> {
  if (kind === 'simulator') return ok(null);
  const name = secret ?? (kind === 'anthropic' ? 'ANTHROPIC_API_KEY' : undefined);
  if (name === undefined) return err(`${path}.secret: expected the name of the secret with its credential`);
  const value: unknown = Object.entries(env).find(([variable]) => variable === name)?.[1];
  if (typeof value !== 'string' || value.trim() === '') {
    return err(`${path}.secret: expected a secret ${name}, and there is none`);
  }
  const text = value.trim();
  const [, accessKeyId, secretAccessKey, sessionToken = null] =
    kind === 'anthropic' ? [] : (SIGV4.exec(text) ?? []);
  if (accessKeyId === undefined || secretAccessKey === undefined)
    return ok({ kind: 'api_key', apiKey: text });
  return ok({ kind: 'sigv4', accessKeyId, secretAccessKey, sessionToken });
}
