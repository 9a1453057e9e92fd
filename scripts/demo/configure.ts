/**
 * Makes the demo's cost centers, keys and policies in the local database, each only where it is missing: what a
 * person has changed since stays. Wallets pull it when their first turn comes.
 */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import type { SigningKeyText } from '../../durable-objects/core/signing-keys.ts';
import type { Squad } from '../../test/traffic/squads.ts';
import { ADMIN_TOKEN_PRINCIPAL } from '../../worker/auth/principal.ts';
import { activate } from '../../worker/policy/going-live.ts';
import { takeStep } from '../../worker/policy/lifecycle.ts';
import type { Authorship } from '../../worker/store/change.ts';
import { createCostCenter, findCostCenter } from '../../worker/store/cost-centers.ts';
import type { Database } from '../../worker/store/database.ts';
import { createPolicyVersion, listPolicyVersions } from '../../worker/store/policy-versions.ts';
import { createKey, listKeys } from '../../worker/store/virtual-keys.ts';
import { demoKeyId } from './entries.ts';
import { costCenterOf, SQUAD_POLICY } from './squads.ts';

export async function configureSquads(
  database: Database,
  squads: readonly Squad[],
  signingKeys: readonly SigningKeyText[],
  nowMs: number,
): Promise<void> {
  const at = new Date(nowMs).toISOString();
  const authorship = { actor: 'demo:traffic', requestId: 'demo:traffic', at };
  for (const squad of squads) {
    await configureCostCenter(database, squad, authorship);
    await configurePolicy(database, squad, signingKeys, authorship);
    const known = new Set(
      (await listKeys(database, squad.id, { after: null, limit: 1_000 })).map(({ id }) => id),
    );
    for (const { email, keyTags } of squad.developers) {
      const id = demoKeyId(email);
      if (known.has(id)) continue;
      const fields = {
        id,
        costCenter: squad.id,
        developer: email,
        name: 'demo',
        tags: keyTags,
        allowedModels: null,
        expiresAt: null,
      };
      await createKey(database, fields, authorship);
    }
  }
}

async function configureCostCenter(database: Database, squad: Squad, authorship: Authorship): Promise<void> {
  if (await findCostCenter(database, squad.id)) return;
  const { id, name, timezone, manager } = costCenterOf(squad);
  const managedBy = { managerName: manager.name, managerEmail: manager.email, managerSlackUserId: null };
  await createCostCenter(database, { id, name, timezone, jurisdiction: null, ...managedBy }, authorship);
}

async function configurePolicy(
  database: Database,
  { id, timezone }: Squad,
  signingKeys: readonly SigningKeyText[],
  authorship: Authorship,
): Promise<void> {
  const [existing] = await listPolicyVersions(database, id, { after: null, limit: 1 });
  if (existing) return;
  const known = { catalogue: builtinCatalogue, lifecycles: [], nowMs: Date.parse(authorship.at) };
  const parsed = parsePolicy(SQUAD_POLICY, { timezone, ...known });
  if (!parsed.ok) throw new Error(`the demo's policy is wrong: ${JSON.stringify(parsed.error)}`);
  const draft = { document: SQUAD_POLICY, warnings: parsed.value.warnings };
  const row = await createPolicyVersion(database, id, draft, authorship);
  if (row === 'contended') throw new Error(`the policies of ${id} are being changed by somebody else`);
  const settings = { signingKeys, policyApproval: false, policyFourEyes: false };
  const context = { database, settings, known, principal: ADMIN_TOKEN_PRINCIPAL, authorship };
  const target = { costCenter: id, version: row.version };
  const taken = await takeStep(context, target, activate(context, null, {}));
  if (typeof taken === 'string' || taken.kind !== 'done') {
    throw new Error(`the policy of ${id} cannot be activated: ${JSON.stringify(taken)}`);
  }
}
