/** What a virtual key looks like in requests and answers. */
import { z } from '@hono/zod-openapi';
import { ownerParams } from './contract.ts';
import { developer, displayName, futureInstant, tags } from './fields.ts';

export const keyParams = ownerParams.extend({ key_id: z.string() });

export const newKey = z
  .strictObject({
    developer,
    name: displayName.nullable().optional(),
    tags: tags.optional(),
    expires_at: futureInstant.nullable().optional(),
  })
  .openapi('NewKey');

export const keyEdit = z
  .strictObject({
    enabled: z.boolean().optional(),
    tags: tags.optional(),
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
