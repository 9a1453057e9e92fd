/** What the lines of an exported file look like to whoever reads them: anything may stand in them. */
import { z } from 'zod';
import { MANIFEST } from './audit-file.ts';

const hash = z.string();
const signature = z.strictObject({
  algorithm: z.literal('Ed25519'),
  key: z.number().int(),
  value: z.string(),
});
export const lineSchema = z.strictObject({
  line: z.number().int(),
  previous: hash,
  hash,
  record: z.record(z.string(), z.unknown()).optional(),
  manifest: z
    .looseObject({
      type: z.literal(MANIFEST),
      kind: z.enum(['audit', 'policies']),
      records: z.number().int(),
      last_line: z.string(),
      head: z.strictObject({ sequence: z.number().int(), hash }).nullable(),
    })
    .optional(),
  signature: signature.optional(),
});
export type Line = z.infer<typeof lineSchema>;

const rewriting = z.strictObject({ by: z.number().int(), old_digest: hash, new_digest: hash });
export const eventSchema = z.strictObject({
  sequence: z.number().int(),
  occurred_at: z.string(),
  actor: z.string(),
  action: z.string(),
  cost_center: z.string().nullable(),
  target: z.string(),
  request_id: z.string(),
  before: z.unknown(),
  after: z.unknown(),
  salt: z.string(),
  content_digest: hash,
  previous_hash: hash,
  hash,
  rewritten: z.array(rewriting),
});
export const versionSchema = z.looseObject({
  cost_center: z.string(),
  version: z.number().int(),
  document: z.unknown(),
  signed: z
    .object({
      payload: z.looseObject({ cost_center: z.string(), version: z.number().int(), policy: z.unknown() }),
      signature,
    })
    .nullish(),
});
export type StoredVersion = z.infer<typeof versionSchema>;
