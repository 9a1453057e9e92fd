/** The models that are served here as Bedrock lists its inference profiles. */
import { isRetired } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { modelNamed } from '../../durable-objects/core/catalogue/names.ts';
import type { Model } from '../../durable-objects/core/catalogue/types.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import type { Providers } from '../providers/provider.ts';
import { providersFor } from '../turn/provider-order.ts';

/** As `ListInferenceProfiles` and `GetInferenceProfile` answer it. */
export interface InferenceProfile {
  inferenceProfileName: string;
  inferenceProfileArn: string;
  inferenceProfileId: string;
  models: { modelArn: string }[];
  status: 'ACTIVE';
  type: 'SYSTEM_DEFINED';
}

export interface ProfilePage {
  inferenceProfileSummaries: InferenceProfile[];
  nextToken?: string;
}

const MOST_RESULTS = 1_000;
const USUAL_RESULTS = 100;

/** A profile's ARN names a region and an account; those of the gateway are nobody's. */
const REGION = 'us-east-1';
const ACCOUNT = '000000000000';

function profileOf(model: Model): InferenceProfile {
  // What Bedrock itself does not have may be served by another provider all the same.
  const modelId = model.bedrock?.id ?? `anthropic.${model.id}`;
  const id = `us.${modelId}`;
  return {
    inferenceProfileName: `US ${model.id}`,
    inferenceProfileArn: `arn:aws:bedrock:${REGION}:${ACCOUNT}:inference-profile/${id}`,
    inferenceProfileId: id,
    models: [{ modelArn: `arn:aws:bedrock:${REGION}::foundation-model/${modelId}` }],
    status: 'ACTIVE',
    type: 'SYSTEM_DEFINED',
  };
}

function servedModels(providers: Providers, costCenter: string, nowMs: number): Model[] {
  const isServed = (model: string): boolean => {
    const wanted = { costCenter, model, facts: null, allowed: null, last: null };
    return Array.isArray(providersFor(wanted, providers, nowMs));
  };
  return builtinCatalogue.models.filter((model) => !isRetired(model, nowMs) && isServed(model.id));
}

/** A page of what a cost center's turns can be served by; a problem names the query's field. */
export function pageOfProfiles(
  providers: Providers,
  costCenter: string,
  query: URLSearchParams,
  nowMs: number,
): Result<ProfilePage, string> {
  const type = query.get('type') ?? 'SYSTEM_DEFINED';
  if (type !== 'SYSTEM_DEFINED' && type !== 'APPLICATION') {
    return err('type: expected SYSTEM_DEFINED or APPLICATION');
  }
  const most = Number(query.get('maxResults') ?? USUAL_RESULTS);
  if (!Number.isInteger(most) || most < 1 || most > MOST_RESULTS) {
    return err(`maxResults: expected a whole number from 1 to ${MOST_RESULTS}`);
  }
  const all =
    type === 'APPLICATION' ? [] : servedModels(providers, costCenter, nowMs).map((each) => profileOf(each));
  const token = query.get('nextToken');
  const before = token === null ? -1 : all.findIndex(({ inferenceProfileId: id }) => id === token);
  if (token !== null && before < 0) return err('nextToken: expected the one of the page before');
  const page = all.slice(before + 1, before + 1 + most);
  const last = page.at(-1);
  const hasMore = last !== undefined && last !== all.at(-1);
  return ok({
    inferenceProfileSummaries: page,
    ...(hasMore ? { nextToken: last.inferenceProfileId } : {}),
  });
}

/** The profile of a model by whatever name it has here; null where it is not served. */
export function findProfile(
  providers: Providers,
  costCenter: string,
  name: string,
  aliases: ReadonlyMap<string, string>,
  nowMs: number,
): InferenceProfile | null {
  const id = modelNamed(name, aliases, builtinCatalogue);
  const model = servedModels(providers, costCenter, nowMs).find((each) => each.id === id);
  return model ? profileOf(model) : null;
}
