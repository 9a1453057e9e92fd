/** What a virtual key looks like in requests and answers. */
import { z } from '@hono/zod-openapi';
import { findModel } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { modelNamed } from '../../../durable-objects/core/catalogue/names.ts';
import type { PolicyProblem } from '../../../durable-objects/core/policy/types.ts';
import { err, ok, type Result } from '../../../durable-objects/core/result.ts';
import type { Bindings } from '../../bindings.ts';
import { ownerParams } from './contract.ts';
import { developer, displayName, futureInstant, tags } from './fields.ts';

const MAX_MODELS = 100;

export const keyParams = ownerParams.extend({ key_id: z.string() });

const allowedModels = z
  .array(z.string().min(1).max(256))
  .min(1, 'expected at least one model, or null for every one that the policy allows')
  .max(MAX_MODELS, `expected at most ${MAX_MODELS} models`)
  .nullable()
  .openapi({
    description:
      'The only models the key may use, of those that its policy allows, by any name that the gateway knows; null: no further limit.',
    example: ['claude-sonnet-5-5'],
  });

/** The models by their first-party ids, each once; else every name that is none. */
export function knownModelsOf(
  names: readonly string[] | null,
  { modelAliases }: Pick<Bindings, 'modelAliases'>,
): Result<string[] | null, PolicyProblem[]> {
  if (names === null) return ok(null);
  const models = names.map((name) =>
    findModel(builtinCatalogue, modelNamed(name, modelAliases, builtinCatalogue)),
  );
  const problems = names.flatMap((name, index) =>
    models[index]
      ? []
      : [{ path: `allowed_models[${index}]`, message: `the catalogue knows no model "${name}"` }],
  );
  if (problems.length > 0) return err(problems);
  return ok([...new Set(models.flatMap((model) => (model ? [model.id] : [])))]);
}

export const newKey = z
  .strictObject({
    developer,
    name: displayName.nullable().optional(),
    tags: tags.optional(),
    allowed_models: allowedModels.optional(),
    expires_at: futureInstant.nullable().optional(),
  })
  .openapi('NewKey');

export const keyEdit = z
  .strictObject({
    enabled: z.boolean().optional(),
    tags: tags.optional(),
    allowed_models: allowedModels.optional(),
    expires_at: futureInstant.nullable().optional(),
  })
  .openapi('KeyEdit');

const MAX_OVERLAP_SECONDS = 90 * 86_400;

export const rotation = z
  .strictObject({ overlap_seconds: z.number().int().min(0).max(MAX_OVERLAP_SECONDS).optional() })
  .openapi('KeyRotation');

export const keyView = z
  .object({
    id: z.string(),
    cost_center: z.string(),
    developer: z.string(),
    name: z.string().nullable(),
    tags: z.record(z.string(), z.string()),
    allowed_models: z
      .array(z.string())
      .nullable()
      .openapi({ description: 'By first-party id; null: every model that the policy allows.' }),
    enabled: z.boolean(),
    expires_at: z.string().nullable(),
    revoked_at: z.string().nullable(),
    replaces: z.string().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .openapi('Key');

export const issuedKeyView = keyView
  .extend({ secret: z.string().openapi({ description: 'The key itself, shown this once.' }) })
  .openapi('IssuedKey');
