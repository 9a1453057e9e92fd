/** `…/policies/{version}/signed` and `/signing_keys`: what others need to verify a policy version by themselves. */
import { createRoute, z } from '@hono/zod-openapi';
import { publicKeysOf } from '../../../durable-objects/ledger/signature.ts';
import { findPolicyVersion } from '../../store/policy-versions.ts';
import { adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS } from './contract.ts';
import { fail } from './failures.ts';
import { withOwner } from './owner.ts';
import { versionParams } from './policy-contract.ts';
import { unknownVersion } from './policy-step.ts';

const signature = z.object({
  algorithm: z.literal('Ed25519'),
  key: z.number().int().openapi({ description: 'The generation of the key, as /signing_keys lists it.' }),
  value: z.string().openapi({ description: '64 bytes in base64url.' }),
});

const signedPolicy = z
  .object({
    payload: z.looseObject({
      type: z.literal('bursar.policy'),
      cost_center: z.string(),
      version: z.number().int(),
      policy: z.unknown(),
      base_version: z.number().int().nullable(),
      approval: z.looseObject({ actor: z.string(), at: z.string() }),
    }),
    signature,
  })
  .openapi('SignedPolicy', {
    description: 'The signature is over the canonical form (RFC 8785) of `payload`.',
  });

const signingKeys = z
  .object({ data: z.array(z.object({ generation: z.number().int(), public_key: z.string() })) })
  .openapi('SigningKeys');

export const policySignatures = adminRouter();

policySignatures.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/policies/{version}/signed',
    request: { params: versionParams },
    responses: { ...ERRORS, 200: answer(signedPolicy, 'The version as it was signed.') },
  }),
  async (c) => {
    const { id, version } = c.req.valid('param');
    return await withOwner(c, id, async () => {
      const row = await findPolicyVersion(databaseOf(c), id, version);
      if (!row) return fail(c.get('requestId'), unknownVersion(id, version));
      return row.signed
        ? c.json(row.signed, 200)
        : fail(c.get('requestId'), { why: 'unknown', what: `signature of policy version ${version}` });
    });
  },
);

policySignatures.openapi(
  createRoute({
    method: 'get',
    path: '/signing_keys',
    responses: {
      ...ERRORS,
      200: answer(signingKeys, 'The public keys, newest first: 32 bytes in base64url.'),
    },
  }),
  async (c) => c.json({ data: await publicKeysOf(c.get('bindings').signingKeys) }, 200),
);
