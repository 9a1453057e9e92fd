/** `/cost_centers/{id}/keys`: create, list, read, edit and revoke virtual keys. */
import { createRoute, z } from '@hono/zod-openapi';
import { issueKey, newKeyId } from '../../auth/virtual-key.ts';
import type { CostCenter } from '../../store/cost-centers.ts';
import {
  changeKey,
  createKey,
  findKey,
  listKeys,
  type VirtualKey,
  type VirtualKeyEdit,
  viewOfKey,
} from '../../store/virtual-keys.ts';
import { isConfirmed } from '../../turn/wallet-confirm.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, ownerParams, pageOfSchema } from './contract.ts';
import { type Failure, fail } from './failures.ts';
import { issuedKeyView, keyEdit, keyParams, keyView, knownModelsOf, newKey } from './key-contract.ts';
import { withOwner } from './owner.ts';
import { pageOf, pageQuery, WRONG_CURSOR } from './paging.ts';

export const keys = adminRouter();

interface KeyPath {
  id: string;
  key_id: string;
}

export function unknownKey({ id, key_id: keyId }: KeyPath): Failure {
  return { why: 'unknown', what: `key ${keyId} in cost center ${id}` };
}

/** A new key with its secret, the only time it is shown, once the wallet knows the key. */
export async function replyWithSecret(
  c: AdminContext,
  owner: CostCenter,
  key: VirtualKey,
): Promise<Response> {
  if (!(await isConfirmed(c.get('bindings'), owner, key.revision))) {
    const stored = `key ${key.id}, whose secret is not shown now,`;
    return fail(c.get('requestId'), { why: 'unconfirmed', stored });
  }
  const secret = await issueKey(key.costCenter, key.id, c.get('bindings').keySecrets);
  return c.json({ ...viewOfKey(key), secret }, 201);
}

keys.openapi(
  createRoute({
    method: 'post',
    path: '/cost_centers/{id}/keys',
    request: { params: ownerParams, body: body(newKey) },
    responses: { ...ERRORS, 201: answer(issuedKeyView, 'The new key with its secret.') },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async (owner) => {
      const {
        developer,
        name = null,
        tags = {},
        expires_at: expiresAt = null,
        ...given
      } = c.req.valid('json');
      const models = knownModelsOf(given.allowed_models ?? null, c.get('bindings'));
      if (!models.ok) return fail(c.get('requestId'), { why: 'invalid', problems: models.error });
      const fields = {
        id: newKeyId(owner.jurisdiction),
        costCenter: owner.id,
        developer,
        name,
        tags,
        allowedModels: models.value,
        expiresAt,
      };
      return await replyWithSecret(c, owner, await createKey(databaseOf(c), fields, authorshipOf(c)));
    }),
);

keys.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/keys',
    request: { params: ownerParams, query: z.strictObject(pageQuery) },
    responses: { ...ERRORS, 200: answer(pageOfSchema(keyView), 'By id; revoked ones too.') },
  }),
  async (c) =>
    await withOwner(c, c.req.valid('param').id, async ({ id }) => {
      const page = await pageOf(
        { list: 'keys', cost_center: id },
        c.req.valid('query'),
        (each) => listKeys(databaseOf(c), id, each),
        (row) => row.id,
      );
      if (!page) return fail(c.get('requestId'), WRONG_CURSOR);
      return c.json({ ...page, data: page.data.map(viewOfKey) }, 200);
    }),
);

keys.openapi(
  createRoute({
    method: 'get',
    path: '/cost_centers/{id}/keys/{key_id}',
    request: { params: keyParams },
    responses: { ...ERRORS, 200: answer(keyView, 'The key, without its secret.') },
  }),
  async (c) => {
    const path = c.req.valid('param');
    const key = await findKey(databaseOf(c), path.id, path.key_id);
    if (!key) return fail(c.get('requestId'), unknownKey(path));
    return c.json(viewOfKey(key), 200);
  },
);

/** Changes a key and answers with `reply` once the wallet has the change, or had it before. */
async function changeAndConfirm(
  c: AdminContext,
  target: KeyPath,
  change: { action: string; edit: (present: VirtualKey) => VirtualKeyEdit },
  reply: (key: VirtualKey) => Response,
): Promise<Response> {
  return await withOwner(c, target.id, async (owner) => {
    const requestId = c.get('requestId');
    const key = await changeKey(
      databaseOf(c),
      { costCenter: owner.id, id: target.key_id },
      change,
      authorshipOf(c),
    );
    if (key === 'unknown') return fail(requestId, unknownKey(target));
    if (key === 'contended') return fail(requestId, { why: 'contended' });
    if (!(await isConfirmed(c.get('bindings'), owner, key.revision))) {
      return fail(requestId, { why: 'unconfirmed', stored: `the change of key ${key.id}` });
    }
    return reply(key);
  });
}

keys.openapi(
  createRoute({
    method: 'patch',
    path: '/cost_centers/{id}/keys/{key_id}',
    request: { params: keyParams, body: body(keyEdit) },
    responses: { ...ERRORS, 200: answer(keyView, 'The key as it is now.') },
  }),
  async (c) => {
    const { enabled, tags, allowed_models: names, expires_at: expiresAt } = c.req.valid('json');
    const models = knownModelsOf(names ?? null, c.get('bindings'));
    if (!models.ok) return fail(c.get('requestId'), { why: 'invalid', problems: models.error });
    const edit = (present: VirtualKey): VirtualKeyEdit => ({
      enabled: enabled ?? present.enabled,
      tags: tags ?? present.tags,
      allowedModels: names === undefined ? present.allowedModels : models.value,
      expiresAt: expiresAt === undefined ? present.expiresAt : expiresAt,
    });
    return await changeAndConfirm(c, c.req.valid('param'), { action: 'key.update', edit }, (key) =>
      c.json(viewOfKey(key), 200),
    );
  },
);

keys.openapi(
  createRoute({
    method: 'delete',
    path: '/cost_centers/{id}/keys/{key_id}',
    request: { params: keyParams },
    responses: { ...ERRORS, 204: { description: 'The key is revoked: dead as of this answer.' } },
  }),
  async (c) => {
    const now = new Date().toISOString();
    const edit = (present: VirtualKey): VirtualKeyEdit => ({ revokedAt: present.revokedAt ?? now });
    return await changeAndConfirm(c, c.req.valid('param'), { action: 'key.revoke', edit }, () =>
      c.body(null, 204),
    );
  },
);
