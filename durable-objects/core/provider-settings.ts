/**
 * The providers of a deployment: which there are, what they cost, whom they serve. Read from the variable `PROVIDERS`
 * (a JSON list) and the secrets it names; without it there is the one that `PROVIDER` names. Errors name the field and
 * what was expected, never a value.
 */
import { z } from 'zod';
import { canonicalId, findModel } from './catalogue/lookup.ts';
import { builtinCatalogue } from './catalogue/models.ts';
import { modelNamed, PROFILES, type Profile } from './catalogue/names.ts';
import { parsedVariable, problemsIn } from './json-variable.ts';
import { modelName } from './model-aliases.ts';
import { type ProviderCredential, readCredential } from './provider-credential.ts';
import { err, ok, type Result } from './result.ts';

const PROVIDER_KINDS = ['anthropic', 'bedrock', 'bedrock-mantle', 'simulator'] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

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
  profile: Profile | null;
  /** Null: the kind needs none. */
  credential: ProviderCredential | null;
  /** Its own ids of models, by the catalogue's id, where they are other than the kind's usual ones. */
  modelIds: ReadonlyMap<string, string>;
  /** The only models it serves, by the catalogue's id; null: every one it has an id for. */
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

/** Stands for a credential that a developer brings, in `x-bursar-provider`, the ledger and policies. */
export const OWN_PROVIDER = 'own';

/** List prices. */
export const LIST_MILLIONTHS = 1_000_000;
/** Regional and multi-region endpoints of Bedrock take 10 % more from the 4.5 models on; `global.` does not. */
const REGIONAL_MILLIONTHS = 1_100_000;
const ANTHROPIC_URL = 'https://api.anthropic.com';
const MAX_PROVIDERS = 50;

const ID = /^[a-z0-9-]{1,63}$/;
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
  id: z
    .string()
    .regex(ID, 'expected 1 to 63 of a-z, 0-9 and "-"')
    .refine((id) => id !== OWN_PROVIDER, `"${OWN_PROVIDER}" stands for credentials that developers bring`),
  kind: z.enum(PROVIDER_KINDS, { error: `expected one of ${PROVIDER_KINDS.join(', ')}` }),
  weight: z.int().min(0).max(1_000).optional(),
  url: z
    .url({ protocol: /^https?$/, error: 'expected an http or https address' })
    .regex(/^[^?#@]*$/, 'expected an address without query, fragment and user')
    .optional(),
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

/** The providers in the order they are listed; `env` has the secrets they name. */
export function readProviders(
  env: ProviderVariables,
  aliases: ReadonlyMap<string, string>,
): Result<readonly [ProviderSettings, ...ProviderSettings[]], string> {
  const { PROVIDERS: text } = env;
  if (text === undefined || text.trim() === '') return soleProvider(env);
  const document = parsedVariable(text);
  if (!Array.isArray(document)) {
    return err('PROVIDERS: expected a JSON list such as [{"id": "main", "kind": "anthropic"}]');
  }
  const list = listSchema.safeParse(document);
  if (!list.success) return err(problemsIn('PROVIDERS', list.error));
  const problems = repeatedIds(list.data);
  const settings: ProviderSettings[] = [];
  for (const [index, written] of list.data.entries()) {
    const read = toSettings(written, `PROVIDERS[${index}]`, env, aliases);
    if (read.ok) settings.push(read.value);
    else problems.push(read.error);
  }
  const [first, ...rest] = settings;
  if (problems.length === 0) problems.push(...ambiguousIds(settings));
  return first && problems.length === 0 ? ok([first, ...rest]) : err(problems.join('; '));
}

/** The secrets that a list names, where it is one that can be read. */
export function secretsNamed(text: string): string[] {
  const list = listSchema.safeParse(parsedVariable(text));
  return (list.data ?? []).flatMap((written) => secretNameOf(written) ?? []);
}

function secretNameOf({ kind, secret }: Written): string | undefined {
  return secret ?? (kind === 'anthropic' ? 'ANTHROPIC_API_KEY' : undefined);
}

function repeatedIds(list: readonly Written[]): string[] {
  const ids = list.map(({ id }) => id);
  return ids.flatMap((id, index) =>
    ids.indexOf(id) < index ? [`PROVIDERS[${index}].id: "${id}" is there twice`] : [],
  );
}

/** Ids that stand for one model here and for another there: who asks by such an id cannot be understood. */
function ambiguousIds(settings: readonly ProviderSettings[]): string[] {
  const models = new Map<string, string>();
  return settings.flatMap(({ modelIds }, index) =>
    [...modelIds].flatMap(([model, own]) => {
      const other = models.get(own) ?? model;
      models.set(own, other);
      return other === model
        ? []
        : [`PROVIDERS[${index}].model_ids.${model}: its id already stands for ${other}`];
    }),
  );
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
  const foreign = foreignField(written, isBedrock);
  if (foreign !== null) return err(`${path}.${foreign}: a provider of kind "${kind}" has none`);
  if (isBedrock && region === null) {
    return err(`${path}.region: expected a region, because kind is "${kind}"`);
  }
  const credential = credentialOf(written, path, env, isBedrock);
  if (!credential.ok) return credential;
  const named = (name: string): string =>
    canonicalId(builtinCatalogue, modelNamed(name, aliases, builtinCatalogue));
  const modelIds = new Map<string, string>();
  for (const [name, own] of Object.entries(written.model_ids ?? {})) {
    if (modelIds.has(named(name))) return err(`${path}.model_ids.${name}: ${named(name)} is there twice`);
    modelIds.set(named(name), own);
  }
  const onlyModels = written.only_models?.map(named) ?? null;
  const withoutId = onlyModels?.findIndex((model) => !modelIds.has(model) && !hasUsualId(kind, model)) ?? -1;
  if (withoutId !== -1) {
    return err(
      `${path}.only_models[${withoutId}]: expected a model that "${kind}" has, or its id in model_ids`,
    );
  }
  return ok({
    id,
    kind,
    weight: written.weight ?? 1,
    url: written.url === undefined ? usualUrl(kind, region) : withoutSlash(written.url),
    region,
    profile,
    credential: credential.value,
    modelIds,
    onlyModels,
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

/** Whether the kind knows the model, by the catalogue's id, without being told its own. */
function hasUsualId(kind: ProviderKind, model: string): boolean {
  if (kind === 'anthropic' || kind === 'simulator') return true;
  const known = findModel(builtinCatalogue, model)?.bedrock;
  return kind === 'bedrock' ? Boolean(known) : (known?.messagesId ?? null) !== null;
}

/** A field that is there and means nothing to the kind: better told than passed over. */
function foreignField(written: Written, isBedrock: boolean): string | null {
  const fields = [
    ...(isBedrock ? [] : (['region', 'profile'] as const)),
    ...(written.kind === 'bedrock-mantle' ? (['profile'] as const) : []),
    ...(written.kind === 'simulator' ? (['url', 'secret', 'model_ids'] as const) : []),
  ];
  return fields.find((name) => written[name] !== undefined) ?? null;
}

/** The secret a provider names, as the credential its kind takes. */
function credentialOf(
  written: Written,
  path: string,
  env: ProviderVariables,
  isBedrock: boolean,
): Result<ProviderCredential | null, string> {
  if (written.kind === 'simulator') return ok(null);
  const name = secretNameOf(written);
  if (name === undefined) return err(`${path}.secret: expected the name of the secret with its credential`);
  const value: unknown = Object.entries(env).find(([variable]) => variable === name)?.[1];
  const credential = readCredential(value, isBedrock);
  return credential.ok
    ? credential
    : err(`${path}.secret: expected a secret ${name}, and ${credential.error}`);
}
